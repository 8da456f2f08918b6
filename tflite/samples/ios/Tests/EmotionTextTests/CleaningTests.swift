import Foundation
import XCTest

@testable import EmotionText

/// The directory `shared` of the samples.
private let shared = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().appendingPathComponent("../../../shared").standardized

final class CleaningTests: XCTestCase {
    func testCleansNastyStringsAsPythonDoes() throws {
        let lines = try lines("cleaning.jsonl")
        let rules = try rules(lines[0])
        XCTAssertGreaterThan(lines.count, 4000)
        let wrong = try lines.dropFirst().filter { line in
            let parts = try array(line)
            let cleaned = cleanText(parts[1] as! String, rules: rules[parts[0] as! Int])
            return Array(cleaned.unicodeScalars) != Array((parts[2] as! String).unicodeScalars)
        }
        XCTAssertEqual(wrong, [])
    }

    func testCleansEveryCodePointAsPythonDoes() throws {
        let rules = try rules(try lines("cleaning.jsonl")[0])
        let expected = try JSONDecoder().decode([[String]].self, from: Data(contentsOf: file("code_points.json")))
        let blocks = [0, 1, 2, 3, 14].flatMap { plane in (0..<16).map { UInt32(plane << 16 + $0 << 12) } }
        for (number, own) in rules.enumerated() {
            XCTAssertEqual(
                blocks.map { fnv1a(cleanText(block($0), rules: own)) }, expected[number], "rule set \(number)")
        }
    }

    private func block(_ first: UInt32) -> String {
        (first..<(first + 0x1000)).compactMap(Unicode.Scalar.init).map { "A\($0)\u{327}E" }.joined(separator: " ")
    }

    private func fnv1a(_ text: String) -> String {
        let hash = text.utf8.reduce(UInt32(0x811C_9DC5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }

    private func rules(_ line: String) throws -> [CleaningRules] {
        try array(line).map { document in
            let document = document as! [String: Any]
            let tokens = document["special_tokens"] as! [String: String]
            return CleaningRules(
                lowercase: document["lowercase"] as! Bool,
                stripAccents: document["strip_accents"] as! Bool,
                specialTokens: tokens.map { .init(token: $0, word: $1) },
                characters: document["characters"] as! [String: String]
            )
        }
    }

    private func array(_ line: String) throws -> [Any] {
        try JSONSerialization.jsonObject(with: Data(line.utf8)) as! [Any]
    }

    private func lines(_ name: String) throws -> [String] {
        try String(contentsOf: file(name), encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private func file(_ name: String) -> URL { shared.appendingPathComponent(name) }
}
