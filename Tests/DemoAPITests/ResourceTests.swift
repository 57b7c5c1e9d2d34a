import Foundation
import Testing

@testable import DemoAPI
@testable import Responder

@Suite("Resources of the demo API") struct ResourceTests {
    /// The body as Foundation reads it: an independent parser.
    private func object(_ reply: Reply?) throws -> [String: Any] {
        let body = try #require(reply).body
        return try #require(JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    }

    private func ids(_ value: Any?) -> [String] {
        (value as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
    }

    @Test("the sites") func sites() throws {
        let service = DemoService()
        let reply = try #require(service.get("/sites"))
        #expect(reply.status == 200)
        #expect(
            reply.text.contains(#"{"default_currency_id":"ARS","id":"MLA","name":"Argentina"}"#))
        #expect(try JSONSerialization.jsonObject(with: Data(reply.body)) is [Any])
    }

    @Test("the phones are where one expects them") func phones() throws {
        let service = DemoService()
        let category = try object(service.get("/categories/MLA1055"))
        #expect(category["name"] as? String == "Celulares y Smartphones")
        #expect(ids(category["path_from_root"]) == ["MLA1051", "MLA1055"])
        #expect(ids(category["children_categories"]) == ["MLA10551", "MLA10552", "MLA10553"])
        let parent = try object(service.get("/categories/MLA1051"))
        #expect(ids(parent["children_categories"]).first == "MLA1055")
        #expect(parent["attribute_types"] as? String == "attributes")
    }

    @Test(
        "any category's children know their parent", arguments: [1051, 1055, 2000, 98_765, 123_456])
    func tree(number: UInt64) {
        let category = Category(ResourceID(number))
        #expect(!category.children.isEmpty)
        for child in category.children {
            #expect(child.path.map(\.id) == category.path.map(\.id) + [child.id])
        }
    }

    @Test("an item") func item() throws {
        let service = DemoService()
        let item = try object(service.get("/items/MLA599260060"))
        #expect(item["id"] as? String == "MLA599260060")
        #expect((item["price"] as? Int ?? 0) > 0)
        #expect(ids(item["attributes"]) == ["BRAND", "MODEL", "COLOR"])
        let category = try #require(item["category_id"] as? String)
        #expect(service.get("/categories/\(category)")?.status == 200)
    }

    @Test("the same id gives the same bytes, another id others") func deterministic() {
        let first = DemoService()
        let second = DemoService()
        #expect(first.get("/items/MLA7")?.body == second.get("/items/MLA7")?.body)
        #expect(first.get("/items/MLA7")?.body != second.get("/items/MLA8")?.body)
    }

    @Test("a multiget answers for each id by itself") func multiget() throws {
        let service = DemoService()
        let reply = try #require(service.get("/items?ids=MLA1,nope,MLA2"))
        let rows = try #require(
            JSONSerialization.jsonObject(with: Data(reply.body)) as? [[String: Any]])
        #expect(rows.map { $0["code"] as? Int } == [200, 404, 200])
        let bodies = rows.map { $0["body"] as? [String: Any] }
        #expect(bodies[0]?["id"] as? String == "MLA1")
        #expect(bodies[1]?["error"] as? String == "not_found")
        #expect(reply.text.contains(try #require(service.get("/items/MLA2")).text))
    }

    static let refusals: [(String, UInt16)] = [
        ("/", 404), ("/sites/", 404), ("/sites/MLA", 404), ("/categories", 404),
        ("/categories/", 404), ("/categories/MLA", 404), ("/categories/MLA0", 404),
        ("/categories/MLA01", 404), ("/categories/MLA1x", 404), ("/categories/MLB1", 404),
        ("/categories/MLA1/", 404), ("/categories/MLA1234567890123456789", 404),
        ("/items/1", 404), ("/items", 400), ("/items?ids=", 400),
        ("/items?ids=" + (1...21).map { "MLA\($0)" }.joined(separator: ","), 400),
    ]

    @Test("what there is not, in the API's own shape", arguments: refusals)
    func refused(target: String, status: UInt16) throws {
        let service = DemoService()
        let reply = try #require(service.get(target))
        #expect(reply.status == status)
        let problem = try object(reply)
        #expect(problem["status"] as? Int == Int(status))
        #expect(problem["error"] as? String == (status == 404 ? "not_found" : "bad_request"))
        #expect(problem["message"] is String && problem["cause"] is [Any] && problem.count == 4)
        #expect(reply.field("Cache-Control") == (status == 404 ? "max-age=10" : "no-store"))
        #expect(reply.field("ETag") == nil)
    }

    @Test("other methods", arguments: ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
    func methods(method: String) throws {
        let service = DemoService()
        let reply = service.answer(try #require(inquiry("\(method) /items/MLA1"))).reply
        #expect(reply.status == 405)
        #expect(reply.field("Allow") == "GET, HEAD")
    }
}
