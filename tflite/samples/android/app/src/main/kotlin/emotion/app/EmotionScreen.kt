package emotion.app

import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.PaddingValues
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.imePadding
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.layout.width
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Scaffold
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Alignment
import androidx.compose.ui.Modifier
import androidx.compose.ui.res.stringResource
import androidx.compose.ui.semantics.LiveRegionMode
import androidx.compose.ui.semantics.liveRegion
import androidx.compose.ui.semantics.semantics
import androidx.compose.ui.text.font.FontWeight
import androidx.compose.ui.unit.dp
import emotion.LabelScore
import java.text.NumberFormat

@Composable
fun EmotionScreen(screen: Screen, onType: (String) -> Unit) {
    Scaffold(Modifier.imePadding()) { padding ->
        Column(
            Modifier.fillMaxSize().padding(padding).padding(20.dp),
            verticalArrangement = Arrangement.spacedBy(14.dp),
        ) {
            Text(stringResource(R.string.app_name), style = MaterialTheme.typography.headlineMedium)
            Text(stringResource(R.string.private_note), style = MaterialTheme.typography.bodyMedium)
            OutlinedTextField(
                value = screen.text,
                onValueChange = onType,
                modifier = Modifier.fillMaxWidth(),
                label = { Text(stringResource(R.string.your_text)) },
                minLines = 3,
                maxLines = 6,
            )
            when {
                screen.problem != null -> Text(screen.problem, color = MaterialTheme.colorScheme.error)
                screen.isLoading -> Text(stringResource(R.string.loading))
                screen.heads != null -> Answer(screen.heads)
            }
        }
    }
}

@Composable
private fun Answer(heads: List<List<LabelScore>>) {
    val outputs = heads.flatten()
    val decided = outputs.filter { it.decided }.joinToString { it.label }
    Text(
        decided.ifEmpty { stringResource(R.string.none) },
        Modifier.semantics { liveRegion = LiveRegionMode.Polite },
        style = MaterialTheme.typography.titleLarge,
    )
    LazyColumn(
        verticalArrangement = Arrangement.spacedBy(10.dp),
        contentPadding = PaddingValues(bottom = 20.dp),
    ) {
        items(outputs.filter { it.score != 0f }) { Bar(it) }
    }
}

@Composable
private fun Bar(output: LabelScore) {
    val weight = if (output.decided) FontWeight.Bold else FontWeight.Normal
    Row(Modifier.fillMaxWidth(), Arrangement.spacedBy(12.dp), Alignment.CenterVertically) {
        Text(output.label, Modifier.width(140.dp), fontWeight = weight)
        LinearProgressIndicator(progress = { output.score }, modifier = Modifier.weight(1f))
        Text(NumberFormat.getPercentInstance().format(output.score), Modifier.width(52.dp), fontWeight = weight)
    }
}
