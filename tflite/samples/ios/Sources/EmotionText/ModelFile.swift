import Foundation

/// What is wrong with a model's file, for its developer.
public struct ModelFileError: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Neighbouring scores that belong together; `task` is multi_label, single_label, ordinal or regression.
public struct Head: Decodable, Equatable {
    public let name: String
    public let task: String
    public let outputs: [String]
}

/// What a pushed .tflite file says of itself.
public struct ModelFile {
    public let rules: CleaningRules
    public let heads: [Head]
    /// By label of a multi-label head, the probability from which it applies.
    public let thresholds: [String: Float]

    /// Reads the papers in a model's file; the file is mapped, not loaded.
    public init(contentsOf url: URL) throws {
        try self.init(data: Data(contentsOf: url, options: .mappedIfSafe))
    }

    /// Reads the papers in the bytes of a whole file.
    public init(data: Data) throws {
        let files = try Archive(data).files()
        func content(_ name: String) throws -> Data {
            guard let content = files[name] else {
                throw ModelFileError("The file holds no \(name). Expected a .tflite file that emotion-pipeline pushed.")
            }
            return content
        }
        rules = try CleaningRules(json: String(decoding: content("tokenizer.json"), as: UTF8.self))
        guard rules.lowercase else {
            throw ModelFileError(
                "The model tells upper from lower case, but MediaPipe lowers every text. Expected an uncased model.")
        }
        heads = try JSONDecoder().decode([Head].self, from: content("heads.json"))
        thresholds = try JSONDecoder().decode([String: Float].self, from: content("thresholds.json"))
    }
}

/// The uncompressed zip archive behind a model.
private struct Archive {
    private static let endOfDirectory: UInt32 = 0x0605_4b50
    private static let directoryEntry: UInt32 = 0x0201_4b50
    private static let endBytes = 22
    private static let longestComment = 0xFFFF

    private let data: Data

    init(_ data: Data) { self.data = data }

    func files() throws -> [String: Data] {
        let end = try end()
        var entry = Int(try number(UInt32.self, at: end + 16))
        var files: [String: Data] = [:]
        for _ in 0..<(try number(UInt16.self, at: end + 10)) {
            guard try number(UInt32.self, at: entry) == Self.directoryEntry,
                try number(UInt16.self, at: entry + 10) == 0
            else {
                throw ModelFileError(
                    "The archive behind the model is damaged or compressed. Push or copy the file again.")
            }
            let sizes = try [28, 30, 32].map { Int(try number(UInt16.self, at: entry + $0)) }
            let header = Int(try number(UInt32.self, at: entry + 42))
            let before = Int(try number(UInt16.self, at: header + 26)) + Int(try number(UInt16.self, at: header + 28))
            let name = String(decoding: try bytes(at: entry + 46, count: sizes[0]), as: UTF8.self)
            files[name] = try bytes(at: header + 30 + before, count: Int(try number(UInt32.self, at: entry + 24)))
            entry += 46 + sizes.reduce(0, +)
        }
        return files
    }

    private func end() throws -> Int {
        let last = data.count - Self.endBytes
        for at in stride(from: last, through: max(0, last - Self.longestComment), by: -1)
        where try number(UInt32.self, at: at) == Self.endOfDirectory {
            return at
        }
        throw ModelFileError("The file ends without metadata. Expected a .tflite file that emotion-pipeline pushed.")
    }

    private func number<Number: FixedWidthInteger>(_ type: Number.Type, at offset: Int) throws -> Number {
        try bytes(at: offset, count: Number.bitWidth / 8).reversed().reduce(0) { $0 << 8 | Number($1) }
    }

    private func bytes(at offset: Int, count: Int) throws -> Data {
        guard offset >= 0, count >= 0, offset <= data.count - count else {
            throw ModelFileError("The archive behind the model is damaged. Push or copy the file again.")
        }
        let start = data.startIndex + offset
        return data[start..<(start + count)]
    }
}
