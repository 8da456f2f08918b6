import Foundation

/// How a model wants its text: the `tokenizer.json` of a pushed file.
public struct CleaningRules: Equatable {
    /// A special token and the vocabulary word that it becomes.
    public struct SpecialToken: Equatable {
        public let token: String
        public let word: String

        public init(token: String, word: String) {
            self.token = token
            self.word = word
        }
    }

    /// Lower case every code point on its own.
    public let lowercase: Bool
    /// Decompose and drop nonspacing marks.
    public let stripAccents: Bool
    /// Replaced in this order.
    public let specialTokens: [SpecialToken]
    /// What a single code point is replaced by.
    public let characters: [String: String]

    public init(
        lowercase: Bool, stripAccents: Bool, specialTokens: [SpecialToken] = [], characters: [String: String] = [:]
    ) {
        self.lowercase = lowercase
        self.stripAccents = stripAccents
        self.specialTokens = specialTokens
        self.characters = characters
    }

    /// Reads `tokenizer.json`.
    public init(json: String) throws {
        let document = try JSONDecoder().decode(Document.self, from: Data(json.utf8))
        self.init(
            lowercase: document.lowercase,
            stripAccents: document.stripAccents,
            specialTokens: try Self.inOrder(document.specialTokens ?? [:], of: json),
            characters: document.characters ?? [:]
        )
    }

    private struct Document: Decodable {
        let lowercase: Bool
        let stripAccents: Bool
        let specialTokens: [String: String]?
        let characters: [String: String]?

        enum CodingKeys: String, CodingKey {
            case lowercase, characters
            case stripAccents = "strip_accents"
            case specialTokens = "special_tokens"
        }
    }

    /// The tokens as they stand in the file: a decoded dictionary has no order.
    private static func inOrder(_ tokens: [String: String], of json: String) throws -> [SpecialToken] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        let placed = try tokens.map { token, word -> (String.Index, SpecialToken) in
            let key = String(decoding: try encoder.encode(token), as: UTF8.self) + ":"
            guard let place = json.range(of: key, options: .literal) else {
                throw ModelFileError("tokenizer.json writes the special token \(token) in a way of its own.")
            }
            return (place.lowerBound, SpecialToken(token: token, word: word))
        }
        return placed.sorted { $0.0 < $1.0 }.map { $0.1 }
    }
}
