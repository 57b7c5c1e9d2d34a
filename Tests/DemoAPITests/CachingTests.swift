import Testing

@testable import DemoAPI
@testable import Responder

@Suite("What caches are told") struct CachingTests {
    private func reply(_ target: String, _ field: String) throws -> Reply {
        let service = DemoService()
        return service.answer(try #require(inquiry("GET \(target)", field))).reply
    }

    @Test(
        "lifetimes",
        arguments: [
            ("/sites", "max-age=3600, stale-while-revalidate=600, stale-if-error=86400"),
            ("/categories/MLA1055", "max-age=300, stale-while-revalidate=60, stale-if-error=3600"),
            ("/items/MLA1", "max-age=30, stale-while-revalidate=15, stale-if-error=300"),
            ("/items?ids=MLA1", "max-age=30, stale-while-revalidate=15, stale-if-error=300"),
        ]) func lifetime(target: String, expected: String)
    {
        let service = DemoService()
        #expect(service.get(target)?.field("Cache-Control") == expected)
    }

    @Test("a large answer is compressed when asked, and has a tag of its own") func gzip() throws {
        let plain = try reply("/items/MLA1", "Accept-Encoding: identity")
        let small = try reply("/items/MLA1", "Accept-Encoding: br, gzip;q=0.5")
        #expect(
            plain.field("Vary") == "Accept-Encoding" && small.field("Vary") == "Accept-Encoding")
        #expect(plain.field("Content-Encoding") == nil)
        #expect(small.field("Content-Encoding") == "gzip")
        #expect(small.body.starts(with: [0x1f, 0x8b]) && small.body.count < plain.body.count)
        let tags = try [plain, small].map { try #require($0.field("ETag")) }
        #expect(tags[0] != tags[1])
        for tag in tags { #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && tag.count > 3) }
        #expect(try reply("/items/MLA1", "Accept-Encoding: gzip").body == small.body)
    }

    @Test("a small answer is never compressed and does not vary") func small() throws {
        let reply = try reply("/sites", "Accept-Encoding: gzip")
        #expect(reply.body.count < 1024)
        #expect(reply.field("Vary") == nil && reply.field("Content-Encoding") == nil)
    }

    @Test("304 for a tag that is held, with what caches need") func notModified() throws {
        let full = try reply("/items/MLA1", "Accept-Encoding: gzip")
        let tag = try #require(full.field("ETag"))
        for list in [tag, "W/\(tag)", "\"x\", \(tag) ,\"y\"", "*"] {
            let service = DemoService()
            let held = try #require(
                inquiry("GET /items/MLA1", "Accept-Encoding: gzip", "If-None-Match: \(list)"))
            let reply = service.answer(held).reply
            #expect(reply.status == 304 && reply.body.isEmpty, "\(list)")
            #expect(reply.field("ETag") == tag)
            #expect(reply.field("Cache-Control") == full.field("Cache-Control"))
            #expect(reply.field("Vary") == "Accept-Encoding")
            #expect(reply.field("Content-Type") == nil && reply.field("Content-Encoding") == nil)
        }
        #expect(try reply("/items/MLA1", "If-None-Match: \"x\"").status == 200)
        // The tag of the other coding is another representation.
        #expect(try reply("/items/MLA1", "If-None-Match: \(tag)").status == 200)
    }
}
