import ArgumentParser
import DemoAPI
import EventLoop
import ProxyCore
import Responder

@main
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo-api",
        abstract:
            "A small API in the shape of MercadoLibre's, with made-up data and faults on demand.",
        discussion: """
            Resources: /sites, /categories/MLA1055, /items/MLA1, /items?ids=MLA1,MLA2.
            Faults of one request: ?_latency=200ms, ?_status=503, ?_break=1, or the fields \
            X-Demo-Latency, X-Demo-Status, X-Demo-Break.
            Faults of all: PUT /_demo?latency=50ms&error_rate=0.1; GET shows them, DELETE ends them.
            """)

    @Option(help: ArgumentHelp("Where to listen.", valueName: "host:port"))
    var listen = "127.0.0.1:8081"
    @Option(help: ArgumentHelp("Wait before each answer, at most 25s.", valueName: "duration"))
    var latency = "0s"
    @Option(help: ArgumentHelp("Share of requests that fail, 0 to 1, evenly.", valueName: "share"))
    var errorRate = "0"

    static func main() {
        do {
            var command = try parse()
            try command.run()
        } catch let failure as LoopError {
            end(1, "demo-api: \(failure)")
        } catch {
            // Help is no failure, and is told on standard output.
            if exitCode(for: error) == .success { end(0, fullMessage(for: error)) }
            end(2, "demo-api: \(message(for: error))")
        }
    }

    mutating func run() throws {
        let address = try address()
        let service = DemoService(faults: try faults())
        SignalWatch.ignoreBrokenPipes()
        if address.port != 0 { try ListeningSocket.probe(address, named: listen) }
        let socket = try ListeningSocket(address, named: listen, backlog: 1024)
        let loop = try Loop()
        var responder: Responder?
        try loop.runWith { () throws(LoopError) in
            responder = try Responder(on: loop, socket, connectionsMax: 4096) { inquiry in
                let answer = service.answer(inquiry)
                if answer.latencyNanoseconds > 0 {
                    await loop.sleep(nanoseconds: answer.latencyNanoseconds)
                }
                return answer.reply
            }
            for signal in [SignalWatch.Signal.terminate, .interrupt] {
                _ = try SignalWatch(on: loop, signal) { SystemFacts.exitNow(0) }
            }
            DemoCommand.say(.standardError, "demo-api listens on port \(socket.address.port)")
        }
        withExtendedLifetime(responder) {}
    }

    private func address() throws -> SocketAddress {
        do throws(TextProblem) {
            let place = try ListenAddress(listen)
            return SocketAddress(
                high: place.address.high, low: place.address.low, port: place.port)
        } catch {
            throw ValidationError("--listen: \(error.message)")
        }
    }

    private func faults() throws -> Faults {
        guard let latency = FaultText.latencyNanoseconds(latency) else {
            throw ValidationError(
                "--latency: expected a duration of at most 25s, found `\(latency)`")
        }
        guard let rate = FaultText.errorRate(errorRate) else {
            throw ValidationError(
                "--error-rate: expected a number from 0 to 1, found `\(errorRate)`")
        }
        var faults = Faults()
        faults.latencyNanoseconds = latency
        faults.errorRate = rate
        return faults
    }

    private static func end(_ code: Int32, _ text: String) -> Never {
        say(code == 0 ? .standardOutput : .standardError, text)
        SystemFacts.exitNow(code)
    }

    private static func say(_ sink: FileSink, _ line: String) {
        let bytes = Array((line + "\n").utf8)
        sink.write(bytes.span)
    }
}
