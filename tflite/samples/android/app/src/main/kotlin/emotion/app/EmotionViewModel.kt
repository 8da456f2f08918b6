package emotion.app

import android.app.Application
import androidx.lifecycle.AndroidViewModel
import androidx.lifecycle.viewModelScope
import emotion.LabelScore
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/** What the screen shows; `heads` is null for a blank text. */
data class Screen(
    val text: String = "",
    val isLoading: Boolean = true,
    val problem: String? = null,
    val heads: List<List<LabelScore>>? = null,
)

class EmotionViewModel(application: Application) : AndroidViewModel(application) {
    private val texts = MutableStateFlow("")
    private val shown = MutableStateFlow(Screen())
    private var classifier: EmotionClassifier? = null

    val screen: StateFlow<Screen> = shown.asStateFlow()

    init {
        // One coroutine loads the model and asks it: its thread is never shared, and a StateFlow skips what was typed
        // over while a text was in hand.
        viewModelScope.launch(Dispatchers.Default.limitedParallelism(1)) {
            val loaded = runCatching { EmotionClassifier.ofAssets(application) }
            classifier = loaded.getOrNull()
            shown.update { it.copy(isLoading = false, problem = loaded.exceptionOrNull()?.message) }
            loaded.onSuccess { model ->
                texts.collect { text ->
                    val heads = if (text.isBlank()) null else model.classify(text)
                    shown.update { it.copy(heads = heads) }
                }
            }
        }
    }

    fun type(text: String) {
        shown.update { it.copy(text = text) }
        texts.value = text
    }

    override fun onCleared() {
        classifier?.close()
    }
}
