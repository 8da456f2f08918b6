plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
    alias(libs.plugins.kotlin.compose)
}

android {
    namespace = "emotion.app"
    compileSdk = 35

    defaultConfig {
        applicationId = "emotion.app"
        minSdk = 28 // what MediaPipe asks for
        targetSdk = 35
        versionCode = 1
        versionName = "1.0"
    }

    buildFeatures {
        compose = true
    }

    androidResources {
        noCompress += "tflite" // mapped, not unpacked
    }

    packaging {
        resources.excludes += "META-INF/versions/9/OSGI-INF/MANIFEST.MF" // Bouncy Castle's and JSpecify's
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }
}

kotlin {
    compilerOptions {
        jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_11
    }
}

dependencies {
    implementation(project(":emotion"))
    implementation(platform(libs.compose.bom))
    implementation(libs.compose.material3)
    implementation(libs.activity.compose)
    implementation(libs.lifecycle.runtime.compose)
    implementation(libs.coroutines.android)
    implementation(libs.mediapipe.tasks.text)
}

/** Puts a pushed model into the app's assets. */
abstract class CopyModel : DefaultTask() {
    @get:InputFile
    abstract val model: RegularFileProperty

    @get:OutputDirectory
    abstract val assets: DirectoryProperty

    @TaskAction
    fun copy() {
        model.get().asFile.copyTo(assets.file("emotion.tflite").get().asFile, overwrite = true)
    }
}

val copyModel = tasks.register<CopyModel>("copyModel") {
    val pushed = providers.gradleProperty("emotion.model").orNull
        ?: throw GradleException(
            "Say which model: -Pemotion.model=models/NAME/tflite/VERSION/emotion_int8.tflite, " +
                "or emotion.model=... in ~/.gradle/gradle.properties",
        )
    model = rootDir.resolve(pushed)
}

androidComponents {
    onVariants { it.sources.assets?.addGeneratedSourceDirectory(copyModel, CopyModel::assets) }
}
