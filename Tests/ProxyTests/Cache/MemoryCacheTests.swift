import EventLoop
import ProxyCore
import Telemetry
import Testing

@testable import Proxy

/// The fields of an answer whose language the request chose.
private let byLanguage = ["Cache-Control: max-age=60", "Vary: Accept-Language"]

private func language(_ name: String) -> [String] { ["Accept-Language: \(name)"] }

@Suite("Memory cache: variants (RFC 9111 §4.1)")
struct VariantTests {
    @Test("what is stored is found under its key only")
    func keys() throws {
        let cache = CacheFixture()
        #expect(try cache.find() == "nothing")
        #expect(try cache.put("a"))
        #expect(try cache.find("/a") == "a")
        #expect(try cache.find("/b") == "nothing")
        #expect(cache.entries == 1)
    }

    @Test("two keys with one hash are two entries")
    func collision() throws {
        let cache = CacheFixture()
        for path in ["/a", "/b"] {
            let response = try cache.response(path)
            #expect(
                cache.memory.store(
                    response, key: cache.key(path), hash: 7, target: cache.target(path))
                    == .stored(isSoft: false))
        }
        for path in ["/a", "/b"] {
            let variants = cache.memory.variants(cache.key(path).span, hash: 7)
            #expect(variants.map(\.response.name) == [path])
        }
        cache.memory.invalidate(cache.key("/a").span, hash: 7)
        #expect(cache.memory.variants(cache.key("/a").span, hash: 7).isEmpty)
        #expect(cache.memory.variants(cache.key("/b").span, hash: 7).count == 1)
    }

    @Test("each request finds the variant that it selects")
    func select() throws {
        let cache = CacheFixture()
        try cache.put("english", byLanguage, to: language("en"))
        try cache.put("german", byLanguage, to: language("de"))
        #expect(try cache.find("/a", language("en")) == "english")
        #expect(try cache.find("/a", language("de")) == "german")
        #expect(try cache.find("/a", language("fr")) == "others")
        #expect(try cache.find("/a") == "others")
        #expect(cache.names() == ["german", "english"])
        #expect(cache.entries == 1)
    }

    @Test("of several that fit the newest is chosen")
    func newest() throws {
        let cache = CacheFixture()
        try cache.put("english", byLanguage, to: language("en"))
        try cache.put("any")
        #expect(try cache.find("/a", language("en")) == "any")
        try cache.put("english again", byLanguage, to: language("en"))
        #expect(try cache.find("/a", language("en")) == "english again")
        #expect(try cache.find("/a", language("de")) == "any")
        #expect(cache.names() == ["english again", "any"])
    }

    @Test("a new answer to the same requests takes the place of the old one")
    func replace() throws {
        let cache = CacheFixture()
        try cache.put("old", byLanguage, to: language("en"))
        try cache.put("other", byLanguage, to: language("de"))
        let before = cache.memory.alive.bytes
        try cache.put("new", byLanguage, to: language("en"))
        #expect(cache.names() == ["new", "other"])
        #expect(cache.evicted(.replaced) == 1)
        #expect(cache.memory.alive.bytes == before)
    }

    @Test("a key has at most 32 variants; the oldest goes")
    func bound() throws {
        let cache = CacheFixture()
        for number in 0..<40 {
            try cache.put("v\(number)", byLanguage, to: language("l\(number)"))
        }
        #expect(cache.names() == (8..<40).reversed().map { "v\($0)" })
        #expect(try cache.find("/a", language("l7")) == "others")
        #expect(try cache.find("/a", language("l8")) == "v8")
        #expect(cache.evicted(.size) == 8 && cache.evicted(.replaced) == 0)
        #expect(cache.entries == 1)
        // One that is there already takes nobody else's place.
        try cache.put("again", byLanguage, to: language("l8"))
        #expect(cache.names().count == 32 && cache.evicted(.replaced) == 1)
        #expect(try cache.find("/a", language("l9")) == "v9")
    }
}

@Suite("Memory cache: answers that are not shared (hit-for-miss)")
struct UnsharedTests {
    @Test("are known as such for two minutes")
    func time() throws {
        let cache = CacheFixture()
        cache.memory.noteUnshared(cache.hash("/a"), now: instant(10))
        #expect(try cache.find("/a", now: instant(10)) == "unshared")
        #expect(try cache.find("/a", now: instant(129)) == "unshared")
        #expect(try cache.find("/a", now: instant(130)) == "nothing")
        #expect(try cache.find("/b", now: instant(10)) == "nothing")
    }

    @Test("are shared again once one was stored")
    func stored() throws {
        let cache = CacheFixture()
        cache.memory.noteUnshared(cache.hash("/a"), now: instant(0))
        try cache.put("a")
        #expect(try cache.find() == "a")
        cache.invalidate()
        #expect(try cache.find() == "nothing")
    }

    @Test("stay so for variants that are not there, purged ones included")
    func variants() throws {
        let cache = CacheFixture()
        try cache.put("english", byLanguage, to: language("en"))
        cache.memory.noteUnshared(cache.hash("/a"), now: instant(0))
        #expect(try cache.find("/a", language("en")) == "english")
        #expect(try cache.find("/a", language("de")) == "unshared")
        cache.memory.purges.record(.all, .hard)
        #expect(try cache.find("/a", language("en")) == "unshared")
        #expect(try cache.find("/a", language("en"), now: instant(120)) == "nothing")
    }

    @Test("are remembered in a bounded number: what is past its time goes first, then all")
    func bound() {
        var keys = UnsharedKeys()
        let bound: UInt64 = 16_384
        for hash in 1...bound { keys.insert(hash, until: instant(10), now: instant(0)) }
        #expect(keys.contains(1, at: instant(0)) && keys.contains(bound, at: instant(0)))
        keys.insert(0, until: instant(30), now: instant(20))
        // Asked about an earlier time: those that went are not there even then.
        #expect(keys.contains(0, at: instant(0)) && !keys.contains(1, at: instant(0)))
        for hash in 1..<bound { keys.insert(hash, until: instant(30), now: instant(20)) }
        #expect(keys.contains(0, at: instant(20)))
        keys.insert(bound, until: instant(30), now: instant(20))
        #expect(keys.contains(bound, at: instant(20)) && !keys.contains(0, at: instant(20)))
    }
}
