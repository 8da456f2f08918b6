// What is the model's and not Android's: cleaning, the model's papers, decisions, updates. Tested on any JVM.
plugins {
    alias(libs.plugins.kotlin.jvm)
}

kotlin {
    compilerOptions {
        jvmTarget = org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_11
        allWarningsAsErrors = true
    }
}

java {
    sourceCompatibility = JavaVersion.VERSION_11
    targetCompatibility = JavaVersion.VERSION_11
}

dependencies {
    implementation(libs.bouncycastle)
    implementation(libs.serialization.json)
    testImplementation(libs.kotlin.test.junit)
}

tasks.test {
    val shared = rootDir.resolve("../shared")
    inputs.dir(shared)
    systemProperty("emotion.shared", shared.path)
}
