// swift-tools-version:5.9
import PackageDescription

let package = Package(
    name: "EmotionText",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "EmotionText", targets: ["EmotionText"])],
    targets: [
        .target(name: "EmotionText"),
        .testTarget(name: "EmotionTextTests", dependencies: ["EmotionText"]),
    ]
)
