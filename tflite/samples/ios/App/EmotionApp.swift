import EmotionText
import SwiftUI

@main
struct EmotionApp: App {
    var body: some Scene {
        WindowGroup { EmotionView() }
    }
}

struct EmotionView: View {
    @StateObject private var model = EmotionModel()

    var body: some View {
        NavigationStack {
            Form {
                Section {
                    TextField("Your text", text: $model.text, axis: .vertical)
                        .lineLimit(3...8)
                } footer: {
                    Text("The model runs on this phone. Nothing you type leaves it.")
                }
                if let problem = model.problem {
                    Text(problem).foregroundStyle(.red)
                } else if model.isLoading {
                    ProgressView("Loading the model")
                } else if let outputs = model.outputs {
                    Section { answer(outputs) }
                }
            }
            .navigationTitle("Emotions as you type")
        }
        .task { await model.load() }
    }

    @ViewBuilder
    private func answer(_ outputs: [LabelScore]) -> some View {
        if !outputs.contains(where: \.decided) {
            Text("No label reaches its threshold").foregroundStyle(.secondary)
        }
        ForEach(outputs.filter { $0.score != 0 }, id: \.label) { output in
            LabeledContent {
                Text(Double(output.score), format: .percent.precision(.fractionLength(0))).monospacedDigit()
            } label: {
                Text(output.label).fontWeight(output.decided ? .semibold : .regular)
                ProgressView(value: Double(min(max(output.score, 0), 1)))
            }
            .accessibilityElement(children: .combine)
        }
    }
}
