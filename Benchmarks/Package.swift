// swift-tools-version: 6.2
import PackageDescription

// The engine's own sources, through a link, so that benchmarks reach what only the package sees.
let kluis = "Sources/Kluis"

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

func module(
  _ name: String, in folder: String, uses dependencies: [String] = [],
  packages: [Target.Dependency] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies.map { .byName(name: $0) } + packages,
    path: "\(kluis)/\(folder)/\(name)", swiftSettings: settings)
}

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
  name: "Benchmarks",
  dependencies: [.package(url: "https://github.com/apple/swift-system", from: "1.8.1")],
  targets: [
    module("CLinux", in: "C"),
    module("CMultiBuffer", in: "C"),
    module("CArgon2", in: "C"),
    .systemLibrary(name: "CZlib", path: "\(kluis)/C/CZlib", pkgConfig: "zlib"),
    .systemLibrary(name: "CZstd", path: "\(kluis)/C/CZstd", pkgConfig: "libzstd"),
    .systemLibrary(name: "CCrypto", path: "\(kluis)/C/CCrypto", pkgConfig: "libcrypto"),
    module("Bytes", in: "Platform", uses: ["CLinux"]),
    module("Files", in: "Platform", uses: ["CLinux", "Bytes"], packages: [system]),
    module("Workers", in: "Platform", uses: ["CLinux"]),
    module("Hashing", in: "Codecs", uses: ["CCrypto", "CMultiBuffer", "Bytes"]),
    module("Chunking", in: "Codecs", uses: ["Bytes", "Hashing"]),
    module("Compression", in: "Codecs", uses: ["CZlib", "CZstd", "Bytes"]),
    module("Encryption", in: "Codecs", uses: ["CCrypto", "CArgon2", "Bytes", "Hashing"]),
    module(
      "Stores", in: "Storage", uses: ["Bytes", "Files", "Workers", "Hashing"], packages: [system]),
    module(
      "Packs", in: "Storage", uses: ["Bytes", "Hashing", "Compression", "Encryption", "Stores"]),
    module("Indexes", in: "Storage", uses: ["Bytes", "Hashing", "Stores", "Packs"]),
    .executableTarget(
      name: "MicroBenchmarks",
      dependencies: [
        "Bytes", "Hashing", "Chunking", "Compression", "Encryption", "Packs", "Indexes",
      ],
      path: "Sources/MicroBenchmarks", swiftSettings: settings),
  ]
)
