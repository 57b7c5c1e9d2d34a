import EventLoop
import Foundation
import Locking
import Redis
import Support
import Testing
import Time

@Suite("The example of docs/redis-client.md", .serialized, .timeLimit(.minutes(1)))
struct ExampleTests {
    @Test("works")
    func works() throws {
        let topology = try Topology()
        let shown = Locked<[String]>([])
        func show(_ text: String) { shown.withLock { $0.append(text) } }
        let sentinels = topology.sentinels.map(\.endpoint)

        func greet() throws {
            SignalWatch.ignoreBrokenPipes()
            let loop = try Loop()
            try loop.runWith { () throws(LoopError) in
                let feed = MasterFeed()
                let driver = MasterDriver(
                    on: loop, ResolverSettings(.sentinels(sentinels, group: "main", nodes: [])),
                    feed: feed)
                let client = Client(on: loop, feed: feed)
                driver.start()
                client.start()
                loop.spawn {
                    if await client.waitUntilConnected(nanoseconds: 2_000_000_000) {
                        _ = await client.send(Command("SET", ["greeting", "hello"]))
                        switch await client.send(Command("GET", ["greeting"], access: .read)) {
                        case .success(let reply): show(reply.text ?? "no such key")
                        case .failure(let failure): show(failure.rawValue)
                        }
                    }
                    client.close()
                    driver.close()
                    loop.stop()
                }
            }
        }
        // It tries nothing twice, and a busy machine may take longer than its 15 ms.
        for _ in 0..<5 where shown.withLock({ $0.last != "hello" }) { try greet() }
        #expect(shown.withLock { $0.last } == "hello")
    }

    private func words(_ text: some StringProtocol) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    @Test("is the one above, line by line")
    func same() throws {
        let file = URL(filePath: #filePath)
        let page = file.deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/redis-client.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let code = try #require(text.split(separator: "```swift\n").dropFirst().first)
        let source = words(try String(contentsOf: file, encoding: .utf8))
        let lines = code.split(separator: "```")[0].split(separator: "\n")
            .filter { !$0.hasPrefix("import") && !$0.contains("26379") }
        #expect(lines.count > 15)
        for line in lines { #expect(source.contains(words(line)), "\(line)") }
    }
}
