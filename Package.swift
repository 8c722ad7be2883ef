// swift-tools-version: 6.2
import PackageDescription

let strictness: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
  .treatAllWarnings(as: .error),
]

let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

var targets: [Target] = []

/// Targets in reading order. A target may use only targets declared above it,
/// so the order of this file is the architecture and a cycle cannot be written.
@MainActor
func module(
  _ name: String, in folder: String, uses dependencies: [String] = [],
  packages: [Target.Dependency] = []
) {
  requireDeclared(dependencies, for: name)
  targets.append(
    .target(
      name: name, dependencies: dependencies.map { .byName(name: $0) } + packages,
      path: "Sources/\(folder)/\(name)", swiftSettings: strictness))
}

@MainActor
func program(
  _ name: String, in folder: String, uses dependencies: [String],
  packages: [Target.Dependency]
) {
  requireDeclared(dependencies, for: name)
  targets.append(
    .executableTarget(
      name: name, dependencies: dependencies.map { .byName(name: $0) } + packages,
      path: "Sources/\(folder)/\(name)", swiftSettings: strictness))
}

@MainActor
func library(_ name: String, packageConfig: String, debianPackage: String) {
  targets.append(
    .systemLibrary(
      name: name, path: "Sources/C/\(name)", pkgConfig: packageConfig,
      providers: [.apt([debianPackage])]))
}

@MainActor
func requireDeclared(_ dependencies: [String], for name: String) {
  for dependency in dependencies {
    precondition(
      targets.contains { $0.name == dependency }, "\(name) may not depend on \(dependency)")
  }
}

// C: what Swift cannot import by itself.
module("CLinux", in: "C")
module("CMultiBuffer", in: "C")
module("CArgon2", in: "C")
library("CZlib", packageConfig: "zlib", debianPackage: "zlib1g-dev")
library("CZstd", packageConfig: "libzstd", debianPackage: "libzstd-dev")
library("CCrypto", packageConfig: "libcrypto", debianPackage: "libssl-dev")
library("CXML", packageConfig: "libxml-2.0", debianPackage: "libxml2-dev")

// Platform: the machine.
module("Bytes", in: "Platform", uses: ["CLinux"])
module("Files", in: "Platform", uses: ["CLinux", "Bytes"], packages: [system])
module("Workers", in: "Platform", uses: ["CLinux"])

// Codecs: pure functions of bytes.
module("Hashing", in: "Codecs", uses: ["CCrypto", "CMultiBuffer", "Bytes"])
module("Chunking", in: "Codecs", uses: ["Bytes", "Hashing"])
module("Compression", in: "Codecs", uses: ["CZlib", "CZstd", "Bytes"])
module("Encryption", in: "Codecs", uses: ["CCrypto", "CArgon2", "Bytes", "Hashing"])

// Disks: what is protected.
module("BlockDevices", in: "Disks", uses: ["Bytes"])
module(
  "DiskImages", in: "Disks",
  uses: ["CLinux", "Bytes", "Files", "Compression", "BlockDevices"],
  packages: [system])
module("Volumes", in: "Disks", uses: ["Bytes", "Encryption", "BlockDevices"])
module(
  "Filesystems", in: "Disks", uses: ["Bytes", "Hashing", "Compression", "BlockDevices"])
module("Guests", in: "Disks", uses: ["Bytes", "BlockDevices", "Volumes", "Filesystems"])
module("Machines", in: "Disks", uses: ["CXML", "Encryption"])

// Storage: what is kept.
module(
  "Stores", in: "Storage", uses: ["Bytes", "Files", "Workers", "Hashing"], packages: [system])
module(
  "Packs", in: "Storage", uses: ["Bytes", "Hashing", "Compression", "Encryption", "Stores"])
module("Indexes", in: "Storage", uses: ["Bytes", "Hashing", "Stores", "Packs"])
module("Maps", in: "Storage", uses: ["Bytes", "Hashing"])
module(
  "Tiers", in: "Storage",
  uses: [
    "Bytes", "Workers", "Hashing", "Compression", "Encryption", "Stores", "Packs", "Indexes",
    "Maps",
  ])
module(
  "Vaults", in: "Storage",
  uses: [
    "Bytes", "Files", "Workers", "Machines", "Hashing", "Chunking", "Compression", "Encryption",
    "Stores", "Maps", "Tiers",
  ],
  packages: [system])

// Engine: what is done.
let storage = [
  "Hashing", "Chunking", "Compression", "Encryption", "Machines", "Stores", "Packs", "Indexes",
  "Maps", "Tiers", "Vaults",
]
module(
  "Backups", in: "Engine",
  uses: ["CLinux", "Bytes", "Files", "Workers", "BlockDevices", "DiskImages"] + storage,
  packages: [system])
module(
  "Restores", in: "Engine",
  uses: ["CLinux", "Bytes", "Files", "Workers", "BlockDevices", "DiskImages"] + storage,
  packages: [system])
module(
  "FileRestores", in: "Engine",
  uses: ["Bytes", "Files", "Workers", "BlockDevices", "Volumes", "Filesystems", "Guests"],
  packages: [system])
module(
  "Copies", in: "Engine", uses: ["Bytes", "Workers", "Backups", "Restores"] + storage)
module(
  "Maintenance", in: "Engine", uses: ["Bytes", "Workers", "Copies"] + storage,
  packages: [system])
module(
  "Drills", in: "Engine",
  uses: [
    "CLinux", "Bytes", "Files", "Workers", "BlockDevices", "DiskImages", "Volumes", "Restores",
  ] + storage,
  packages: [system])

// Interfaces: who asks.
program(
  "kluis", in: "Interfaces",
  uses: [
    "CLinux", "Bytes", "Files", "Workers", "BlockDevices", "DiskImages", "Volumes", "Filesystems",
    "Guests", "Backups", "Restores", "FileRestores", "Copies", "Maintenance", "Drills",
  ]
    + storage, packages: [system, arguments])

// Tests: one target for each module, over what Tests/Support lends them.
targets.append(
  .target(
    name: "TestSupport",
    dependencies: [
      "Bytes", "Files", "BlockDevices", "Filesystems", "Hashing", "Compression", "Encryption",
      "Stores", "Packs", system,
    ],
    path: "Tests/Support", swiftSettings: strictness))

/// The tests of one module; they may use any module, for they stand above all.
@MainActor
func tests(of name: String, uses dependencies: [String] = []) {
  requireDeclared([name] + dependencies, for: "\(name)Tests")
  targets.append(
    .testTarget(
      name: "\(name)Tests",
      dependencies: ([name, "TestSupport"] + dependencies.filter { $0 != name })
        .map { .byName(name: $0) } + [system],
      path: "Tests/\(name)Tests", swiftSettings: strictness))
}

tests(of: "Bytes")
tests(of: "Files", uses: ["Bytes"])
tests(of: "Workers")
tests(of: "Hashing", uses: ["Bytes"])
tests(of: "Chunking", uses: ["Bytes", "Hashing"])
tests(of: "Compression", uses: ["Bytes", "Files"])
tests(of: "Encryption", uses: ["Bytes", "Hashing"])
tests(of: "BlockDevices", uses: ["Bytes"])
tests(of: "DiskImages", uses: ["Bytes", "Files", "BlockDevices"])
tests(
  of: "Filesystems",
  uses: ["Bytes", "Files", "Hashing", "Compression", "BlockDevices", "DiskImages"])
tests(of: "Volumes", uses: ["Bytes", "Files", "Encryption", "BlockDevices", "DiskImages"])
tests(
  of: "Guests",
  uses: [
    "Bytes", "Files", "Encryption", "BlockDevices", "DiskImages", "Volumes", "Filesystems",
  ])
tests(of: "Machines", uses: ["Bytes", "Files"])
tests(of: "Stores", uses: ["Bytes", "Files", "Hashing"])
tests(of: "Packs", uses: ["Bytes", "Hashing", "Compression", "Encryption", "Stores"])
tests(
  of: "Indexes", uses: ["Bytes", "Hashing", "Compression", "Encryption", "Stores", "Packs"])
tests(of: "Maps", uses: ["Bytes", "Hashing"])
tests(of: "Tiers", uses: ["Bytes", "Workers", "Files"] + storage)
tests(of: "Vaults", uses: ["Bytes", "Files", "Workers"] + storage)
tests(
  of: "Backups",
  uses: ["Bytes", "Files", "Workers", "BlockDevices", "DiskImages", "Restores"] + storage)
tests(
  of: "Restores",
  uses: ["Bytes", "Files", "Workers", "BlockDevices", "DiskImages", "Backups"] + storage)
tests(
  of: "FileRestores",
  uses: ["Bytes", "Files", "Workers", "BlockDevices", "Volumes", "Filesystems", "Guests"])
tests(of: "Copies", uses: ["Bytes", "Files", "Workers", "Backups", "Restores"] + storage)
tests(
  of: "Drills",
  uses: ["Bytes", "Files", "Workers", "Backups", "Restores", "Machines", "Tiers", "Vaults"])
tests(
  of: "Maintenance",
  uses: ["Bytes", "Files", "Workers", "Backups", "Restores", "Copies"] + storage)

// All of the engine at once: random histories of operations and faults.
targets.append(
  .testTarget(
    name: "SimulationTests",
    dependencies: (["Bytes", "Files", "Workers"] + storage
      + ["Backups", "Restores", "Copies", "Maintenance", "TestSupport"])
      .map { .byName(name: $0) } + [system],
    path: "Tests/Simulation", swiftSettings: strictness))

// From outside: the program as people run it, and the rules of the house.
for name in ["Integration", "Tidy"] {
  targets.append(
    .testTarget(name: "\(name)Tests", path: "Tests/\(name)", swiftSettings: strictness))
}

let package = Package(
  name: "kluis",
  products: [.executable(name: "kluis", targets: ["kluis"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: targets
)
