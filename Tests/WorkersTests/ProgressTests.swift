import Synchronization
import Testing
import Workers

@Suite struct ProgressTests {
  @Test("each stage of a piece of work is counted by itself")
  func stages() {
    let progress = Progress()
    #expect(progress.stage.name == nil)
    progress.expect(10)
    progress.advance(7)
    let first = progress.stage.began
    progress.begin("comparing")
    #expect(progress.stage.name == "comparing" && progress.stage.began >= first)
    #expect(progress.expectedBytes.load(ordering: .relaxed) == 0)
    #expect(progress.doneBytes.load(ordering: .relaxed) == 0)
  }
}
