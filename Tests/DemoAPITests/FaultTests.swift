import Testing

@testable import DemoAPI
@testable import Responder

@Suite("Faults on demand") struct FaultTests {
    private func answer(_ line: String, _ fields: String...) throws -> DemoAnswer {
        let service = DemoService()
        // One field at most is used by these tests.
        let asked = fields.isEmpty ? inquiry(line) : inquiry(line, fields[0])
        return service.answer(try #require(asked))
    }

    @Test("of one request, by query or field") func one() throws {
        #expect(try answer("GET /sites?_latency=200ms").latencyNanoseconds == 200_000_000)
        #expect(try answer("GET /sites", "X-Demo-Latency: 1s").latencyNanoseconds == 1_000_000_000)
        let failed = try answer("GET /items/MLA1?_status=503").reply
        #expect(failed.status == 503 && failed.text.contains(#""status":503"#))
        #expect(failed.field("Cache-Control") == "no-store")
        #expect(try answer("GET /sites", "X-Demo-Status: 429").reply.status == 429)
        #expect(try answer("GET /sites?_status=500", "X-Demo-Status: 429").reply.status == 500)
        #expect(try answer("GET /sites?_break=1").reply.breaksOff)
        #expect(try !answer("GET /sites?_break=0").reply.breaksOff)
        #expect(try !answer("GET /sites").reply.breaksOff)
    }

    @Test(
        "that make no sense are refused",
        arguments: [
            "_latency=fast", "_latency=26s", "_latency=-1s", "_status=200", "_status=600",
            "_status=x", "_break=2", "_break=",
        ]) func nonsense(query: String) throws
    {
        let answer = try answer("GET /sites?\(query)")
        #expect(answer.reply.status == 400 && answer.latencyNanoseconds == 0)
    }

    private func pattern(_ rate: Double, count: Int) -> [Int] {
        var faults = Faults()
        faults.errorRate = rate
        let service = DemoService(faults: faults)
        return (1...count).filter { _ in service.get("/sites")?.status == 503 }
    }

    @Test("of all requests: an even pattern, the same each time") func rate() {
        #expect(pattern(0.1, count: 100) == Array(stride(from: 10, through: 100, by: 10)))
        #expect(pattern(0.25, count: 12) == [4, 8, 12])
        #expect(pattern(1.0 / 3, count: 9) == [3, 6, 9])
        #expect(pattern(0.5, count: 6) == [2, 4, 6])
        #expect(pattern(1, count: 3) == [1, 2, 3])
        #expect(pattern(0, count: 50).isEmpty)
        #expect(pattern(0.03, count: 1000).count == 30)
    }

    @Test("set, shown and ended by /_demo") func control() throws {
        let service = DemoService()
        func send(_ line: String, body: String = "") throws -> Reply {
            service.answer(try #require(inquiry(line, body: body))).reply
        }
        let put = try send("PUT /_demo?latency=50ms", body: "error_rate=0.5")
        #expect(put.status == 200 && put.text == #"{"latency":"50ms","error_rate":"0.5"}"#)
        let asked = try #require(inquiry("GET /sites"))
        #expect(service.answer(asked).latencyNanoseconds == 50_000_000)
        #expect(service.answer(asked).reply.status == 503)
        #expect(service.get("/_demo")?.text == put.text)
        // All or nothing, and no fault hits the control itself.
        #expect(try send("PUT /_demo?latency=1s&error_rate=2").status == 400)
        #expect(try send("PUT /_demo?colour=red").status == 400)
        #expect(service.get("/_demo")?.text == put.text)
        #expect(try send("DELETE /_demo").text == #"{"latency":"0s","error_rate":"0.0"}"#)
        #expect(service.answer(asked).latencyNanoseconds == 0)
        let post = try send("POST /_demo")
        #expect(post.status == 405 && post.field("Allow") == "GET, HEAD, PUT, DELETE")
    }
}
