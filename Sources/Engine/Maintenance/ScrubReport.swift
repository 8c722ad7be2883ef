internal import Tiers

extension Scrub {
  /// What a scrub found in each store, and what became of it.
  package struct Report: Codable, Sendable {
    package var stores: [StoreReport] = []
    /// Recovery points that no tier can give back whole any more.
    package var lostPoints: [LostPoint] = []
    /// Tiers that lack what their points need, and another tier has.
    package var lacks: [Lack] = []
    /// Bytes that were read, those of earlier parts of the same scrub with them.
    package var readBytes: UInt64 = 0

    package init() {}

    /// Whether every store holds what it should, as it should.
    package var isClean: Bool {
      lostPoints.isEmpty && lacks.isEmpty
        && stores.allSatisfy { $0.problems.isEmpty && $0.foreign.isEmpty }
    }

    /// Problems that are still there.
    package var openProblems: [Problem] {
      stores.flatMap(\.problems).filter { $0.repairedFrom == nil }
    }
  }

  package struct StoreReport: Codable, Sendable {
    package var tier: String
    package var store: String
    /// Objects and bytes that were checked.
    package var objects = 0
    package var bytes: UInt64 = 0
    package var problems: [Problem] = []
    /// Files that Kluis did not write; they are left alone.
    package var foreign: [String] = []

    package func count(_ kind: Problem.Kind) -> Int { problems.count { $0.kind == kind } }
    package var repairedCount: Int { problems.count { $0.repairedFrom != nil } }
  }

  /// An object that is not in a store as it should be.
  package struct Problem: Codable, Sendable {
    package enum Kind: String, Codable, Sendable {
      case missing, damaged
    }

    package var kind: Kind
    package var object: String
    package var reason: String
    /// The store that gave the good bytes; nil where it is not repaired.
    package var repairedFrom: String?
    /// Whether good bytes were found; nil where nobody looked.
    package var isRepairable: Bool?
  }

  /// What points need, listed or in the trash, and no copy of their tier has any more, nor its
  /// index lists, as after a scrub that found it nowhere.
  package struct Lack: Codable, Sendable {
    package var tier: String
    /// Maps and chunks.
    package var records: Int
    /// Whether they were brought from the other tier.
    package var isRepaired = false
  }

  package struct LostPoint: Codable, Sendable {
    package var point: String
    package var disk: String
    /// The first byte of the disk that is lost.
    package var offset: UInt64
    package var reason: String
    /// True where it is in the trash.
    package var isDeleted: Bool?
  }
}
