import HTTP1
import Testing
import Time

@testable import ProxyCore

/// 2025-01-01T00:00:00Z, when the requests of the tests are sent unless they say otherwise.
let start = Timestamp(seconds: 1_735_689_600)

/// That many seconds after `start`.
func after(_ seconds: Double) -> Timestamp {
    Timestamp(nanoseconds: start.nanoseconds + Int64(seconds * 1_000_000_000))
}

/// A date that many seconds after `start`, as fields carry it.
func date(_ seconds: Int64) -> String {
    var writer = ByteWriter()
    HTTPDate.append(Timestamp(seconds: start.seconds + seconds), to: &writer)
    return string(writer.bytes)
}

/// The text in which every scalar stands for one byte.
func string(_ bytes: some Sequence<UInt8>) -> String {
    var text = ""
    for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
    return text
}

/// The bytes of a text in which every scalar stands for one byte.
func byteArray(_ text: String) -> [UInt8] {
    text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
}

/// A request head read from its text: "GET /a" or the like, and field lines. Host is `h` unless given.
func request(_ line: String = "GET /a", _ fields: [String] = []) -> RequestHead {
    let hasHost = fields.contains { $0.lowercased().hasPrefix("host:") }
    let lines = ["\(line) HTTP/1.1"] + (hasHost ? [] : ["Host: h"]) + fields
    let text = lines.map { $0 + "\r\n" }.joined() + "\r\n"
    let bytes = byteArray(text)
    let head = RequestHead()
    var parser = RequestParser()
    #expect(parser.parse(bytes.span, into: head) == .complete(consumed: bytes.count), "\(text)")
    return head
}

/// A response head read from its text, with a Content-Length of 5 unless it says how it is framed.
func response(
    _ status: UInt16 = 200, _ fields: [String] = [], to method: HTTP1.Method = .get
) -> ResponseHead {
    let framing = ["content-length", "transfer-encoding", "x-close"]
    let isFramed = fields.contains { line in
        framing.contains { line.lowercased().hasPrefix($0 + ":") }
    }
    let lines = ["HTTP/1.1 \(status) x"] + fields + (isFramed ? [] : ["Content-Length: 5"])
    let text = lines.map { $0 + "\r\n" }.joined() + "\r\n"
    let bytes = byteArray(text)
    let head = ResponseHead()
    var parser = ResponseParser()
    let result = parser.parse(bytes.span, requestMethod: method, into: head)
    #expect(result == .complete(consumed: bytes.count), "\(text)")
    return head
}

/// What `decide` makes of an answer to a request, both of them read from text.
func store(
    _ status: UInt16 = 200, _ fields: [String], to request: RequestHead = request(),
    _ settings: CacheSettings = CacheSettings(), delay: Double = 0
) -> Storable {
    Storability.decide(
        request, CacheRequest.read(request, settings), response(status, fields, to: request.method),
        settings, requestTime: after(-delay), responseTime: start)
}

extension Storable {
    /// "ttl=60" and what else is not as usual, or the reason why it is not stored.
    var summary: String {
        switch self {
        case .store(let stored, _): stored.summary
        case .refuse(let reason): reason.rawValue
        }
    }
}

extension StoredMetadata {
    var summary: String {
        var parts = ["ttl=\(lifetimeSeconds)"]
        if initialAgeSeconds > 0 { parts.append("age=\(initialAgeSeconds)") }
        if staleWhileRevalidateSeconds > 0 { parts.append("swr=\(staleWhileRevalidateSeconds)") }
        if staleIfErrorSeconds > 0 { parts.append("sie=\(staleIfErrorSeconds)") }
        let words: [(Flags, String)] = [
            (.requiresValidation, "validate"), (.forbidsStale, "never-stale"),
            (.isImmutable, "immutable"), (.isNegative, "negative"), (.isHeuristic, "heuristic"),
            (.hasWeakETag, "weak"), (.isShareableWithAuthorization, "shared"),
        ]
        for (flag, word) in words where flags.contains(flag) { parts.append(word) }
        return parts.joined(separator: " ")
    }
}

extension StoredHead {
    /// The lines, as "Name: value".
    var lines: [String] {
        fields.map { field in
            string(bytes[field.name.indices]) + ": " + string(bytes[field.value.indices])
        }
    }
}

/// A stored response; recorded as a failure if it would not be stored.
func stored(
    _ fields: [String], status: UInt16 = 200, to head: RequestHead = request(),
    _ settings: CacheSettings = CacheSettings()
) -> (StoredMetadata, StoredHead)? {
    if case .store(let metadata, let stored) = store(status, fields, to: head, settings) {
        return (metadata, stored)
    }
    Issue.record("not stored: \(fields)")
    return nil
}

/// Settings that differ from the defaults in what `change` does.
func settings(_ change: (inout CacheSettings) -> Void) -> CacheSettings {
    var settings = CacheSettings()
    change(&settings)
    return settings
}
