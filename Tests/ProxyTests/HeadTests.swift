import HTTP1
import ProxyCore
import Telemetry
import Testing

@testable import Proxy

/// Parses a request head; fails the test when it is not complete.
func head(_ text: String) throws -> RequestHead {
    let head = RequestHead()
    var parser = RequestParser()
    let bytes = Array(text.utf8)
    guard case .complete = parser.parse(bytes.span, into: head) else {
        Issue.record("not a complete head: \(text)")
        return head
    }
    return head
}

@Suite("Via (RFC 9110 §7.6.3)")
struct ViaTests {
    @Test(
        "received-by is compared, not the rest of the member",
        arguments: [
            ("1.1 meliproxy", true), ("1.1 MeliProxy", true), ("HTTP/1.1 meliproxy", true),
            ("1.1 meliproxy (comment)", true), ("1.1\t meliproxy", true), ("1.0 other", false),
            ("1.1 meliproxy2", false), ("1.1 my-meliproxy", false), ("meliproxy", false),
            ("1.1 other (meliproxy)", false), ("1.1 ", false), ("1.1", false),
        ])
    func member(_ text: String, _ isOurs: Bool) {
        let bytes = Array(text.utf8)
        let name = Array("meliproxy".utf8)
        let range = ByteRange(0, bytes.count)
        let found = ViaMember.receivedBy(range, in: bytes.span, is: name.span)
        #expect(found == isOurs)
    }
}

@Suite("Header edits of a route")
struct FieldEditorTests {
    private let editor: FieldEditor = {
        var edits = FieldEdits()
        edits.remove = ["X-Secret"]
        edits.set = [FieldEdit(name: "X-Env", value: "prod")]
        edits.add = [FieldEdit(name: "X-More", value: "1")]
        return FieldEditor(edits)
    }()

    @Test(
        "removed and set fields are dropped in any letter case, others pass",
        arguments: [
            ("X-Secret", true), ("x-secret", true), ("X-SECRET", true), ("x-env", true),
            ("X-More", false), ("X-Secre", false), ("X-Secrets", false), ("", false),
        ])
    func drops(_ name: String, _ isDropped: Bool) {
        let bytes = Array(name.utf8)
        #expect(editor.drops(ByteRange(0, bytes.count), of: bytes) == isDropped)
    }

    @Test("set and added fields become complete lines")
    func lines() {
        #expect(String(decoding: editor.lines, as: UTF8.self) == "X-Env: prod\r\nX-More: 1\r\n")
        #expect(FieldEditor.none.drops.isEmpty && FieldEditor.none.lines.isEmpty)
    }
}

@Suite("What a head says about its answer")
struct HeadQuestionTests {
    @Test(
        "TE: trailers (RFC 9110 §10.1.4)",
        arguments: [
            ("TE: trailers\r\n", true), ("TE: gzip, Trailers\r\n", true), ("TE: gzip\r\n", false),
            ("TE: gzip\r\nTE: trailers\r\n", true), ("", false), ("TE: trailersx\r\n", false),
        ])
    func trailers(_ field: String, _ accepts: Bool) throws {
        #expect(try head("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n").acceptsTrailers == accepts)
    }

    @Test(
        "OPTIONS for the server as a whole (RFC 9112 §3.2.4)",
        arguments: [
            ("OPTIONS * HTTP/1.1", true), ("OPTIONS http://a HTTP/1.1", true),
            ("OPTIONS http://a/ HTTP/1.1", false), ("OPTIONS http://a?x HTTP/1.1", false),
            ("OPTIONS / HTTP/1.1", false), ("GET http://a HTTP/1.1", false),
        ])
    func server(_ line: String, _ isServer: Bool) throws {
        #expect(try head("\(line)\r\nHost: a\r\n\r\n").asksForServer == isServer)
    }
}

@Suite("Trace of a request")
struct RequestTraceTests {
    private let valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private func trace(_ fields: String) throws -> RequestTrace {
        var random = Xoshiro(1, 2, 3, 4)
        var trace = RequestTrace()
        trace.identify(try head("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n"), random: &random)
        return trace
    }

    @Test("a valid traceparent is continued under a span of our own")
    func continued() throws {
        let trace = try trace("traceparent: \(valid)\r\n")
        #expect(trace.isContinued)
        var out = ByteWriter()
        trace.appendTraceparent(to: &out)
        let text = String(decoding: out.bytes, as: UTF8.self)
        let span = text.split(separator: "-")[2]
        #expect(text == "00-0af7651916cd43dd8448eb211c80319c-\(span)-01")
        #expect(UInt64(span, radix: 16) == trace.span.value && span.count == 16)
        #expect(!text.contains("b7ad6b7169203331"))
    }

    @Test(
        "two of them, a bad one, or none start a new trace",
        arguments: [
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
                + "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203332-01\r\n",
            "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n", "",
        ])
    func started(_ fields: String) throws {
        let trace = try trace(fields)
        #expect(!trace.isContinued)
        #expect(!trace.context.traceID.isZero)
        #expect(
            trace.context.traceID
                != TraceID(high: 0x0af7_6519_16cd_43dd, low: 0x8448_eb21_1c80_319c))
    }
}

@Suite("Identifiers")
struct XoshiroTests {
    @Test("the published sequence of xoshiro256**")
    func sequence() {
        // The reference implementation's output for the state 1, 2, 3, 4.
        var random = Xoshiro(1, 2, 3, 4)
        let first = (0..<4).map { _ in random.next() }
        #expect(first == [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240])
    }
}
