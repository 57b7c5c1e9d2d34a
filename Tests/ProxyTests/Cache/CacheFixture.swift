import EventLoop
import HTTP1
import ProxyCore
import Testing
import Time

@testable import Proxy
@testable import Telemetry

/// 2025-01-01T00:00:00Z, when the answers of the tests are received.
let received = Timestamp(seconds: 1_735_689_600)

/// That many seconds after `received`.
func after(_ seconds: Int64) -> Timestamp { Timestamp(seconds: received.seconds + seconds) }

/// An instant that many seconds after the origin of the monotonic clock.
func instant(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

/// A request head of these fields.
func request(_ fields: [String] = []) throws -> RequestHead {
    let lines = ["GET /a HTTP/1.1", "Host: h"] + fields
    return try head(lines.map { $0 + "\r\n" }.joined() + "\r\n")
}

/// What the policy makes of a 200 of these fields, in answer to `request`.
func policy(
    _ fields: [String], to request: RequestHead
) throws -> (metadata: StoredMetadata, head: StoredHead) {
    let lines = ["HTTP/1.1 200 OK", "Content-Length: 5"] + fields
    let text = lines.map { $0 + "\r\n" }.joined() + "\r\n"
    let response = ResponseHead()
    var parser = ResponseParser()
    let result = parser.parse(
        Array(text.utf8).span, requestMethod: request.method, into: response)
    try #require(result == .complete(consumed: text.utf8.count))
    let settings = CacheSettings()
    let verdict = Storability.decide(
        request, CacheRequest.read(request, settings), response, settings,
        requestTime: received, responseTime: received)
    guard case .store(let metadata, let head) = verdict else {
        throw NotStorable(verdict: "\(verdict)")
    }
    return (metadata, head)
}

/// A test's answer that the policy does not store.
struct NotStorable: Error {
    let verdict: String
}

/// A memory cache, and how tests put answers in and ask for them.
final class CacheFixture {
    /// What a stored response costs beside key, head and body, at most.
    static let marginBytes = 2048

    let memory: MemoryCache
    private let host = Array("h".utf8)
    /// Whether the route's keys hold request fields.
    var hasSelectedKey = false

    /// Below 32 MiB there is one shard only.
    init(bytesMax: Int = 4 << 20, followersMax: Int = 4) {
        var settings = CacheMemorySettings()
        settings.bytesMax = bytesMax
        settings.followersMax = followersMax
        memory = MemoryCache(settings, seed: SeedWords())
    }

    func key(_ path: String) -> [UInt8] { host + Array(path.utf8) }

    func hash(_ path: String) -> UInt64 {
        let key = key(path)
        return memory.hash(key.span)
    }

    func target(_ path: String) -> PurgeTarget {
        let (host, path) = (host, Array(path.utf8))
        let hostAndTarget = stableHash(path.span, from: stableHash(host.span))
        return PurgeTarget(
            route: stableHash(Array("items".utf8).span), hostAndTarget: hostAndTarget,
            target: stableHash(path.span), host: host, path: path,
            hasSelectedKey: hasSelectedKey)
    }

    /// A response that is alive in this cache's account, recognised by `name`, the start of its body.
    func response(
        _ name: String, _ fields: [String] = ["Cache-Control: max-age=60"],
        to requestFields: [String] = [], bodyBytes: Int = 0, started: FetchStart? = nil
    ) throws -> StoredResponse {
        let (metadata, head) = try policy(fields, to: request(requestFields))
        let filling = [UInt8](
            repeating: UInt8(ascii: "."), count: max(0, bodyBytes - name.utf8.count))
        let content = Array(name.utf8) + filling
        let body = StoredResponse.body(content.span, account: memory.alive)
        return StoredResponse(
            metadata, head, rendered: Array("HTTP/1.1 200 OK\r\n".utf8), body: body,
            started: started ?? memory.fetchStart, hasRequestID: false, account: memory.alive)
    }

    func outcome(
        _ response: StoredResponse, at path: String = "/a"
    ) -> MemoryCache.StoreOutcome {
        memory.store(response, key: key(path), hash: hash(path), target: target(path))
    }

    /// Whether it is stored, purged softly or not.
    func store(_ response: StoredResponse, at path: String = "/a") -> Bool {
        if case .stored = outcome(response, at: path) { return true }
        return false
    }

    /// Makes a response of that name and stores it.
    @discardableResult
    func put(
        _ name: String, at path: String = "/a",
        _ fields: [String] = ["Cache-Control: max-age=60"], to requestFields: [String] = [],
        bodyBytes: Int = 0
    ) throws -> Bool {
        let response = try response(name, fields, to: requestFields, bodyBytes: bodyBytes)
        return store(response, at: path)
    }

    /// What a request of these fields finds: a name, with " (soft)" behind it if it was purged softly,
    /// or "nothing", "others", "unshared".
    func find(
        _ path: String = "/a", _ requestFields: [String] = [], now: Instant = instant(0)
    ) throws -> String {
        let request = try request(requestFields)
        let found = memory.find(key(path).span, hash: hash(path), now: now) {
            $0.metadata.vary.matches(request)
        }
        switch found {
        case .nothing: return "nothing"
        case .otherVariants: return "others"
        case .unshared: return "unshared"
        case .response(let response, let isSoft):
            return response.name + (isSoft ? " (soft)" : "")
        }
    }

    /// What is stored under `path` by that name.
    func stored(_ name: String, at path: String = "/a") -> StoredResponse? {
        memory.variants(key(path).span, hash: hash(path)).map(\.response).first { $0.name == name }
    }

    func invalidate(_ path: String = "/a") {
        memory.invalidate(key(path).span, hash: hash(path))
    }

    /// Names of what is stored under `path`, newest first.
    func names(_ path: String = "/a") -> [String] {
        memory.variants(key(path).span, hash: hash(path)).map(\.response.name)
    }

    private func sample(_ family: Family, _ labels: String...) -> Int {
        var sink = SampleSink()
        memory.collect(into: &sink)
        let found = sink.samples.first {
            $0.family.name == family.name && $0.labels.dropFirst().elementsEqual(labels)
        }
        return Int(found?.value ?? -1)
    }

    /// Keys stored.
    var entries: Int { sample(Catalogue.cacheEntries) }
    /// Bytes that they are charged with.
    var bytes: Int { sample(Catalogue.cacheSize) }

    /// Responses that went for `reason`.
    func evicted(_ reason: CacheEvictionReason) -> Int {
        sample(Catalogue.cacheEvictions, reason.rawValue)
    }
}

extension StoredResponse {
    /// The start of the body, up to the filling.
    var name: String {
        body.withSpan { bytes in
            var name: [UInt8] = []
            for index in bytes.indices where bytes[index] != UInt8(ascii: ".") {
                name.append(bytes[index])
            }
            return String(decoding: name, as: UTF8.self)
        }
    }
}
