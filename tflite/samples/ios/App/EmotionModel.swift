import EmotionText
import Foundation

/// What the screen shows of the text as it is typed.
@MainActor
final class EmotionModel: ObservableObject {
    @Published private(set) var outputs: [LabelScore]?
    @Published private(set) var problem: String?
    @Published private(set) var isLoading = true
    @Published var text = "" {
        didSet { ask() }
    }

    private var classifier: EmotionClassifier?
    private var isAsking = false

    func load() async {
        guard classifier == nil else { return }
        do {
            classifier = try await Task.detached {
                guard let url = Bundle.main.url(forResource: "emotion", withExtension: "tflite") else {
                    throw CocoaError(.fileNoSuchFile)
                }
                return try EmotionClassifier(modelAt: url)
            }.value
        } catch {
            problem = String(describing: error)
        }
        isLoading = false
        ask()
    }

    /// Asks for the text as it stands; while one is in hand, the newest waits, and those between are never asked.
    private func ask() {
        guard let classifier, !isAsking else { return }
        isAsking = true
        Task {
            var asked: String?
            while asked != text {
                let current = text
                do {
                    outputs =
                        current.allSatisfy(\.isWhitespace) ? nil : try await classifier.classify(current).flatMap { $0 }
                } catch {
                    problem = String(describing: error)
                }
                asked = current
            }
            isAsking = false
        }
    }
}
