/// One output of one text.
public struct LabelScore: Equatable {
    public let label: String
    /// Probability 0-1; of a regression head its number.
    public let score: Float
    /// Probability from which the label applies; nil outside multi-label heads.
    public let threshold: Float?
    public let decided: Bool

    public init(label: String, score: Float, threshold: Float?, decided: Bool) {
        self.label = label
        self.score = score
        self.threshold = threshold
        self.decided = decided
    }
}

extension ModelFile {
    /// What the scores of a text say, head by head (tflite/heads.py); labels stand with the highest score first.
    public func decide(_ scores: [Float]) -> [[LabelScore]] {
        precondition(scores.count == heads.reduce(0) { $0 + $1.outputs.count }, "one score an output")
        var rest = scores[...]
        return heads.map { head in
            let own = Array(rest.prefix(head.outputs.count))
            rest = rest.dropFirst(head.outputs.count)
            let likeliest = own.firstIndex(of: own.max() ?? 0)
            let labels = head.outputs.indices.map { index in
                let threshold = head.task == "multi_label" ? thresholds[head.outputs[index]] : nil
                let decided = threshold.map { own[index] >= $0 } ?? (head.task != "regression" && index == likeliest)
                return LabelScore(label: head.outputs[index], score: own[index], threshold: threshold, decided: decided)
            }
            return head.task == "regression" ? labels : labels.sorted { $0.score > $1.score }
        }
    }
}
