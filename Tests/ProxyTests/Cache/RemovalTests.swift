import EventLoop
import ProxyCore
import Telemetry
import Testing

@testable import Proxy

private func hash(_ text: String) -> UInt64 { stableHash(Array(text.utf8).span) }

@Suite("Memory cache: invalidation (RFC 9111 §4.4)")
struct CacheInvalidationTests {
    @Test("all variants of the key go, and are counted")
    func drop() throws {
        let cache = CacheFixture()
        for name in ["en", "de"] {
            try cache.put(
                name, ["Cache-Control: max-age=60", "Vary: Accept-Language"],
                to: ["Accept-Language: \(name)"])
        }
        try cache.put("b", at: "/b")
        cache.invalidate()
        #expect(try cache.find("/a", ["Accept-Language: en"]) == "nothing")
        #expect(try cache.find("/b") == "b")
        #expect(cache.evicted(.invalidated) == 2)
        #expect(cache.entries == 1)
    }

    @Test("what was being fetched is not stored, what is fetched later is")
    func underWay() throws {
        let cache = CacheFixture()
        let early = try cache.response("early")
        let other = try cache.response("other")
        cache.invalidate()
        #expect(!cache.store(early))
        #expect(cache.store(other, at: "/b"))
        #expect(try cache.find() == "nothing")
        #expect(try cache.put("late"))
        #expect(!cache.store(early))
        #expect(try cache.find() == "late")
    }

    @Test("a bounded number is remembered by key: who asks about earlier ones is refused")
    func bound() {
        var keys = InvalidatedKeys()
        for moment in UInt64(1)...4096 { keys.insert(moment, at: moment) }
        #expect(keys.contains(1, after: 0) && !keys.contains(1, after: 1))
        #expect(!keys.contains(9999, after: 0))
        keys.insert(4097, at: 4097)
        #expect(keys.contains(9999, after: 4095) && !keys.contains(9999, after: 4096))
        #expect(keys.contains(4097, after: 4096) && !keys.contains(4097, after: 4097))
    }

    @Test("moments that come in the wrong order are remembered as long as the latest is")
    func disorder() {
        var keys = InvalidatedKeys()
        keys.insert(1, at: 5)
        keys.insert(1, at: 3)
        #expect(keys.contains(1, after: 4) && !keys.contains(1, after: 5))
        for key in UInt64(2)...4097 { keys.insert(key, at: 4) }
        // The first is forgotten by name: any fetch older than it may have been concerned.
        #expect(keys.contains(1, after: 4) && !keys.contains(1, after: 5))
    }

    @Test("however many other keys are invalidated meanwhile, an answer is stored")
    func others() throws {
        let cache = CacheFixture()
        let response = try cache.response("a")
        for number in 0..<3000 { cache.invalidate("/\(number)") }
        #expect(cache.outcome(response) == .stored(isSoft: false))
    }

    @Test("one variant is dropped or made stale, the others stay")
    func one() throws {
        let cache = CacheFixture()
        for name in ["en", "de", "fr"] {
            try cache.put(
                name, ["Cache-Control: max-age=60", "Vary: Accept-Language"],
                to: ["Accept-Language: \(name)"])
        }
        let key = cache.key("/a")
        try cache.memory.drop(#require(cache.stored("en")), key.span, hash: cache.hash("/a"))
        try cache.memory.soften(#require(cache.stored("de")), key.span, hash: cache.hash("/a"))
        #expect(try cache.find("/a", ["Accept-Language: en"]) == "others")
        #expect(try cache.find("/a", ["Accept-Language: de"]) == "de (soft)")
        #expect(try cache.find("/a", ["Accept-Language: fr"]) == "fr")
    }

    @Test("what was found may be used until it is purged or invalidated")
    func found() throws {
        let cache = CacheFixture()
        try cache.put("a")
        let stored = try #require(cache.stored("a"))
        let start = cache.memory.fetchStart
        func isUsable() -> Bool {
            cache.memory.isStillUsable(
                stored, hash: cache.hash("/a"), target: cache.target("/a"), since: start)
        }
        #expect(isUsable())
        cache.memory.purges.record(.all, .soft)
        cache.invalidate("/b")
        #expect(isUsable())
        cache.invalidate()
        #expect(!isUsable())
    }
}

@Suite("Memory cache: unsafe requests to routes whose keys hold request fields")
struct SelectedKeyTests {
    private func target(_ cache: CacheFixture) -> UInt64 { cache.target("/a").hostAndTarget }

    @Test("concern such routes only, and what was stored or being fetched before")
    func reach() throws {
        let (selected, plain) = (CacheFixture(), CacheFixture())
        selected.hasSelectedKey = true
        for cache in [selected, plain] {
            try cache.put("old")
            try cache.put("other", at: "/b")
            let early = try cache.response("early")
            cache.memory.purges.invalidate(target(cache))
            #expect(cache.outcome(early) == (cache === plain ? .stored(isSoft: false) : .outdated))
        }
        #expect(try selected.find() == "nothing")
        #expect(try plain.find() == "early")
        #expect(try selected.find("/b") == "other")
    }

    @Test("so many that they are not all remembered empty nothing but such routes")
    func flood() throws {
        let (selected, plain) = (CacheFixture(), CacheFixture())
        selected.hasSelectedKey = true
        for cache in [selected, plain] {
            try cache.put("a")
            for number in UInt64(0)..<65_600 { cache.memory.purges.invalidate(number) }
        }
        #expect(try selected.find() == "nothing")
        #expect(try plain.find() == "a")
    }
}

@Suite("Memory cache: purges")
struct CachePurgeTests {
    private static let scopes: [Purge] = [
        .all, .route(hash("items")), .tag(hash("red")), .target(hash("/a")), .target(hash("h/a")),
        .prefix(Array("/".utf8), host: nil), .prefix(Array("/a".utf8), host: Array("h".utf8)),
    ]
    private let tagged = ["Cache-Control: max-age=60", "Surrogate-Key: red"]

    @Test("hard: it is not there any more", arguments: scopes)
    func hard(_ purge: Purge) throws {
        let cache = CacheFixture()
        try cache.put("a", tagged)
        cache.memory.purges.record(purge, .hard)
        #expect(try cache.find() == "nothing")
        #expect(cache.names().isEmpty)
        #expect(cache.evicted(.invalidated) == 1)
        #expect(cache.memory.alive.bytes == 0)
        #expect(try cache.put("b", tagged))
        #expect(try cache.find() == "b")
    }

    @Test("soft: it is there, marked as stale", arguments: scopes)
    func soft(_ purge: Purge) throws {
        let cache = CacheFixture()
        try cache.put("a", tagged)
        cache.memory.purges.record(purge, .soft)
        #expect(try cache.find() == "a (soft)")
        #expect(try cache.find() == "a (soft)")
        #expect(cache.evicted(.invalidated) == 0)
        #expect(try cache.put("b", tagged))
        #expect(try cache.find() == "b")
        cache.memory.purges.record(purge, .soft)
        cache.memory.purges.record(purge, .hard)
        #expect(try cache.find() == "nothing")
    }

    @Test("what is being fetched counts as stored before", arguments: scopes)
    func underWay(_ purge: Purge) throws {
        let cache = CacheFixture()
        let early = try cache.response("early", tagged)
        cache.memory.purges.record(purge, .soft)
        #expect(cache.store(early))
        #expect(try cache.find() == "early (soft)")
        cache.memory.purges.record(purge, .hard)
        #expect(!cache.store(early))
        #expect(try cache.find() == "nothing")
    }

    @Test("what is not concerned stays as it is, other variants of the key included")
    func others() throws {
        let cache = CacheFixture()
        for (name, tag) in [("en", "red"), ("de", "blue"), ("fr", "green")] {
            try cache.put(
                name,
                ["Cache-Control: max-age=60", "Vary: Accept-Language", "Surrogate-Key: \(tag)"],
                to: ["Accept-Language: \(name)"])
        }
        cache.memory.purges.record(.tag(hash("red")), .hard)
        cache.memory.purges.record(.tag(hash("blue")), .soft)
        cache.memory.purges.record(.tag(hash("yellow")), .hard)
        #expect(try cache.find("/a", ["Accept-Language: en"]) == "others")
        #expect(try cache.find("/a", ["Accept-Language: de"]) == "de (soft)")
        #expect(try cache.find("/a", ["Accept-Language: fr"]) == "fr")
        #expect(cache.evicted(.invalidated) == 1)
    }

    @Test("a new variant does not hide that its neighbours were purged")
    func neighbours() throws {
        let cache = CacheFixture()
        let fields = ["Cache-Control: max-age=60", "Vary: Accept-Language"]
        try cache.put("en", fields, to: ["Accept-Language: en"])
        cache.memory.purges.record(.all, .hard)
        try cache.put("de", fields, to: ["Accept-Language: de"])
        #expect(cache.names() == ["de"])
        #expect(try cache.find("/a", ["Accept-Language: en"]) == "others")
        #expect(cache.evicted(.invalidated) == 1)
    }

    @Test("each purge is a new epoch")
    func epoch() {
        let purges = Purges()
        #expect(purges.now.purges == 0)
        purges.record(.all, .soft)
        purges.record(.tag(1), .hard)
        #expect(purges.now.purges == 2)
    }
}

@Suite("Memory cache: the sweep")
struct SweepTests {
    @Test("what is past every use goes; what can be validated stays")
    func useless() throws {
        let cache = CacheFixture()
        try cache.put("short", at: "/short", ["Cache-Control: max-age=60"])
        try cache.put("strict", at: "/strict", ["Cache-Control: max-age=60, must-revalidate"])
        try cache.put("tagged", at: "/tagged", ["Cache-Control: max-age=60", "ETag: \"1\""])
        try cache.put("long", at: "/long", ["Cache-Control: max-age=86400"])
        cache.memory.sweep(count: 100, now: after(59))
        #expect(cache.entries == 4)
        cache.memory.sweep(count: 100, now: after(61))
        #expect(try cache.find("/strict") == "nothing")
        #expect(cache.entries == 3)
        cache.memory.sweep(count: 100, now: after(86_400 - 1))
        #expect(try cache.find("/short") == "nothing")
        #expect(try cache.find("/tagged") == "tagged")
        #expect(try cache.find("/long") == "long")
        #expect(cache.evicted(.expired) == 2)
    }

    @Test("one variant may go and another stay; the key is charged for what is left")
    func variants() throws {
        let cache = CacheFixture()
        try cache.put(
            "en", ["Cache-Control: max-age=1, must-revalidate", "Vary: Accept-Language"],
            to: ["Accept-Language: en"], bodyBytes: 10_000)
        try cache.put(
            "de", ["Cache-Control: max-age=60", "Vary: Accept-Language"],
            to: ["Accept-Language: de"])
        let before = cache.bytes
        cache.memory.sweep(count: 100, now: after(30))
        #expect(cache.names() == ["de"])
        #expect(before - cache.bytes >= 10_000)
        #expect(cache.evicted(.expired) == 1)
    }

    @Test("so many slots at a time, and then on from there")
    func cursor() throws {
        let cache = CacheFixture()
        for number in 0..<10 { try cache.put("r", at: "/\(number)") }
        cache.memory.purges.record(.all, .hard)
        for left in [7, 4, 1, 0] {
            cache.memory.sweep(count: 3, now: received)
            #expect(cache.entries == left)
        }
        #expect(cache.evicted(.invalidated) == 10)
        #expect(cache.bytes == 0 && cache.memory.alive.bytes == 0)
        try cache.put("again")
        cache.memory.sweep(count: 3, now: received)
        #expect(try cache.find() == "again")
    }

    @Test("soft purges are applied and remove nothing")
    func soft() throws {
        let cache = CacheFixture()
        try cache.put("a")
        cache.memory.purges.record(.all, .soft)
        cache.memory.sweep(count: 3, now: received)
        #expect(try cache.find() == "a (soft)")
    }
}
