import EmotionText
import Foundation
import MediaPipeTasksText

/// The model in MediaPipe's TextClassifier, with the cleaning before it and the decisions behind it.
///
/// An actor: MediaPipe's classifier is for one thread at a time, and not for the one that draws.
actor EmotionClassifier {
    private let model: ModelFile
    private let mediaPipe: TextClassifier

    /// Opens a .tflite file that emotion-pipeline pushed.
    init(modelAt url: URL) throws {
        model = try ModelFile(contentsOf: url)
        mediaPipe = try TextClassifier(modelPath: url.path)
    }

    /// Decisions and scores of a text, head by head.
    ///
    /// A file that was pushed with `suppress_undecided` gives a score of 0 to each label under its threshold.
    func classify(_ text: String) throws -> [[LabelScore]] {
        let result = try mediaPipe.classify(text: cleanText(text, rules: model.rules)).classificationResult
        var scores = [Float](repeating: 0, count: model.heads.reduce(0) { $0 + $1.outputs.count })
        for category in result.classifications[0].categories {
            scores[category.index] = category.score
        }
        return model.decide(scores)
    }
}
