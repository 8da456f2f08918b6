import Foundation
import XCTest

@testable import EmotionText

private let papers: [(String, String)] = [
    (
        "tokenizer.json",
        """
        {"format_version": 2, "lowercase": true, "strip_accents": true,
         "special_tokens": {"[\\"É/]": "xxquote", "[NAME]": "xxname", "[": "xxopen"},
         "characters": {"😀": " grin "}, "max_tokens": 128, "segments": 1}
        """
    ),
    (
        "heads.json",
        """
        [{"name": "emotion", "task": "multi_label", "outputs": ["joy", "fear"], "mean": [], "std": []},
         {"name": "tone", "task": "single_label", "outputs": ["up", "down"], "mean": [], "std": []},
         {"name": "stars", "task": "regression", "outputs": ["stars"], "mean": [3.0], "std": [1.0]}]
        """
    ),
    ("thresholds.json", #"{"joy": 0.3, "fear": 0.7}"#),
]

final class ModelFileTests: XCTestCase {
    func testReadsThePapersBehindAModel() throws {
        let model = try ModelFile(data: file(papers))
        XCTAssertEqual(model.rules.specialTokens.map(\.token), ["[\"É/]", "[NAME]", "["])
        XCTAssertEqual(model.rules.characters, ["😀": " grin "])
        XCTAssertEqual(model.heads.map(\.task), ["multi_label", "single_label", "regression"])
        XCTAssertEqual(model.thresholds, ["joy": 0.3, "fear": 0.7])
        XCTAssertEqual(cleanText("Hí[NAME]😀[", rules: model.rules), "hi xxname  grin  xxopen ")
    }

    func testSaysWhatIsWrongWithAFile() {
        var damaged = file(papers)
        damaged.replaceSubrange((damaged.count - 6)..<(damaged.count - 2), with: [0xFF, 0xFF, 0xFF, 0x7F])
        let cased = [("tokenizer.json", #"{"lowercase": false, "strip_accents": false}"#)] + papers.dropFirst()
        let wrong: [(Data, String)] = [
            (file([papers[0], papers[2]]), "holds no heads.json"),
            (file(papers, method: 8), "compressed"),
            (file(cased), "uncased"),
            (Data(count: 4096), "without metadata"),
            (Data(), "without metadata"),
            (damaged, "damaged"),
        ]
        for (data, message) in wrong {
            XCTAssertThrowsError(try ModelFile(data: data)) { error in
                XCTAssertTrue("\(error)".contains(message), "\(error) says nothing of \(message)")
            }
        }
    }

    func testDecidesByThresholdsByTheLikeliestAndNoNumber() throws {
        let decided = try ModelFile(data: file(papers)).decide([0.3, 0.69, 0.2, 0.8, 4.5])
        XCTAssertEqual(
            decided[0],
            [
                LabelScore(label: "fear", score: 0.69, threshold: 0.7, decided: false),
                LabelScore(label: "joy", score: 0.3, threshold: 0.3, decided: true),
            ])
        XCTAssertEqual(decided[1].filter(\.decided).map(\.label), ["down"])
        XCTAssertEqual(decided[2], [LabelScore(label: "stars", score: 4.5, threshold: nil, decided: false)])
    }

    /// A model's bytes with an archive behind them, whose offsets count from the beginning of the file.
    private func file(_ papers: [(String, String)], method: UInt16 = 0) -> Data {
        var data = Data((0..<1000).map { UInt8($0 % 251) })
        var directory = Data()
        for (name, text) in papers {
            let (name, text) = (Data(name.utf8), Data(text.utf8))
            let sizes =
                bytes(UInt32(0)) + bytes(UInt32(text.count)) + bytes(UInt32(text.count)) + bytes(UInt16(name.count))
            let common =
                bytes(UInt16(20)) + bytes(UInt16(0)) + bytes(method) + bytes(UInt32(0)) + sizes + bytes(UInt16(0))
            directory += bytes(UInt32(0x0201_4b50)) + bytes(UInt16(20)) + common
            directory += Data(count: 10) + bytes(UInt32(data.count)) + name
            data += bytes(UInt32(0x0403_4b50)) + common + name + text
        }
        let start = UInt32(data.count)
        let count = UInt16(papers.count)
        data += directory + bytes(UInt32(0x0605_4b50)) + Data(count: 4) + bytes(count) + bytes(count)
        return data + bytes(UInt32(directory.count)) + bytes(start) + bytes(UInt16(0))
    }

    private func bytes<Number: FixedWidthInteger>(_ number: Number) -> Data {
        withUnsafeBytes(of: number.littleEndian) { Data($0) }
    }
}
