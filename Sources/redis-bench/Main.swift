import EventLoop
import Redis
import Time

/// `redis-bench PORT DEPTH SECONDS`: how many `GET`s a second one client on one loop gets answered while
/// `DEPTH` tasks each await one. For comparison with `redis-benchmark -c 1 -P DEPTH`
/// (Benchmarks/redis.py).
@main
struct Bench {
    static func main() throws { try run() }

    /// Not `main` itself, which belongs to the main actor: its closures would wait for a thread that
    /// runs the loop.
    private nonisolated static func run() throws {
        let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
        guard numbers.count == 3, let port = UInt16(exactly: numbers[0]) else {
            say(.standardError, "usage: redis-bench PORT DEPTH SECONDS\n")
            SystemFacts.exitNow(2)
        }
        SignalWatch.ignoreBrokenPipes()
        let loop = try Loop()
        let feed = MasterFeed(
            MasterSnapshot(generation: 1, master: Endpoint(host: "127.0.0.1", port: port)))
        let options = ClientOptions(
            connection: ConnectionOptions(pendingCommandsMax: max(1024, numbers[1])),
            commandNanoseconds: 5_000_000_000)
        try loop.runWith { () throws(LoopError) in
            let client = Client(on: loop, feed: feed, options)
            client.start()
            loop.spawn {
                await measure(client, depth: numbers[1], seconds: numbers[2])
                loop.stop()
            }
        }
    }

    private static func measure(_ client: Client, depth: Int, seconds: Int) async {
        guard await client.waitUntilConnected(nanoseconds: 1_000_000_000) else {
            say(.standardError, "redis-bench: no connection\n")
            SystemFacts.exitNow(1)
        }
        let counter = Counter()
        let start = Instant.now()
        let end = start.advanced(byNanoseconds: UInt64(seconds) * 1_000_000_000)
        for number in 0..<depth {
            client.loop.spawn {
                await request(client, "bench:\(number % 100)", counter, until: end)
                counter.running -= 1
                if counter.running == 0 { counter.done.resume(()) }
            }
        }
        counter.running = depth
        await counter.done.wait()
        let nanoseconds = Instant.now().nanoseconds(since: start)
        let rate = Double(counter.answered) * 1e9 / Double(nanoseconds)
        say(.standardOutput, "\(Int(rate)) \(counter.failed)\n")
    }

    private static func request(
        _ client: Client, _ key: String, _ counter: Counter, until end: Instant
    ) async {
        while counter.answered & 255 != 0 || Instant.now() < end {
            // Built for each request, as a cache would.
            var command = Command("GET", access: .read, argumentBytes: key.utf8.count)
            command.append(key)
            switch await client.send(command) {
            case .success(.bulk): counter.answered += 1
            default:
                counter.failed += 1
                if Instant.now() >= end { return }
            }
        }
    }

    private final class Counter {
        var answered = 0
        var failed = 0
        var running = 0
        let done = Suspension<Void>()
    }

    private static func say(_ sink: FileSink, _ text: String) { sink.write(Array(text.utf8).span) }
}
