internal import HTTP1
public import Responder

/// What is to be sent, and how long to wait before.
public struct DemoAnswer: Sendable {
    /// Nanoseconds to wait.
    public let latencyNanoseconds: UInt64
    /// The reply.
    public let reply: Reply
}

/// An API in the shape of MercadoLibre's with made-up data, and faults on demand. Decides only: whoever
/// owns it waits and sends.
public final class DemoService {
    /// The faults of all requests.
    public private(set) var faults: Faults
    /// Requests counted for the error pattern.
    private var count: UInt64 = 0

    /// Most ids of one multiget.
    private static let idsMax = 20

    /// A service with these faults switched on.
    public init(faults: Faults = Faults()) { self.faults = faults }

    /// The answer to one request.
    public func answer(_ inquiry: Inquiry) -> DemoAnswer {
        if inquiry.path == "/_demo" {
            return DemoAnswer(latencyNanoseconds: 0, reply: control(inquiry))
        }
        count += 1
        do throws(APIError) {
            let fault = try Fault(inquiry)
            let latency = max(fault.latencyNanoseconds, faults.latencyNanoseconds)
            let status = fault.status ?? (faults.fails(count) ? 503 : nil)
            var reply = status.map { APIError.fault($0).reply() } ?? DemoService.resource(inquiry)
            reply.breaksOff = fault.breaksOff
            return DemoAnswer(latencyNanoseconds: latency, reply: reply)
        } catch {
            return DemoAnswer(latencyNanoseconds: 0, reply: error.reply())
        }
    }

    // MARK: Resources

    private static func resource(_ inquiry: Inquiry) -> Reply {
        do throws(APIError) {
            let representation = try find(inquiry)
            guard inquiry.method == .get || inquiry.method == .head else {
                return notAllowed("GET, HEAD")
            }
            return representation.reply(to: inquiry)
        } catch {
            return error.reply()
        }
    }

    private static func find(_ inquiry: Inquiry) throws(APIError) -> Representation {
        let parts = inquiry.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        switch (parts.first, parts.count) {
        case ("sites", 1):
            return Representation(Sites.json, .sites)
        case ("categories", 2):
            guard let id = ResourceID(parts[2]) else {
                throw .notFound("Category not found: \(parts[2])")
            }
            return Representation(Category(id).json, .category)
        case ("items", 1):
            return Representation(try items(inquiry.parameter("ids")), .item)
        case ("items", 2):
            return Representation(try item(parts[2]), .item)
        default:
            throw .notFound("resource not found")
        }
    }

    private static func item(_ text: Substring) throws(APIError) -> JSONValue {
        guard let id = ResourceID(text) else {
            throw .notFound("Item with id \(text) not found")
        }
        return Item(id: id).json
    }

    /// Each id with the code and body that it would have got alone.
    private static func items(_ list: String?) throws(APIError) -> JSONValue {
        let ids = (list ?? "").split(separator: ",")
        guard (1...idsMax).contains(ids.count) else {
            throw .badRequest("ids: expected 1 to \(idsMax) ids, such as ids=MLA1,MLA2")
        }
        return .array(
            ids.map { text in
                let (code, body): (Int, JSONValue)
                do throws(APIError) {
                    (code, body) = (200, try item(text))
                } catch {
                    (code, body) = (Int(error.status), error.json)
                }
                return .object([("code", .number(code)), ("body", body)])
            })
    }

    private static func notAllowed(_ methods: String) -> Reply {
        APIError(status: 405, error: "method_not_allowed", message: "expected \(methods)")
            .reply(fields: [("Allow", methods)])
    }

    // MARK: Control

    /// `/_demo`: GET shows the faults, PUT changes some of them, DELETE switches all off. Both changes
    /// start the error pattern anew.
    private func control(_ inquiry: Inquiry) -> Reply {
        switch inquiry.method {
        case .get, .head: break
        case .delete: (faults, count) = (Faults(), 0)
        case .put:
            do throws(APIError) {
                var changed = faults
                for (name, value) in inquiry.query + DemoService.form(inquiry.body) {
                    try changed.set(name, value)
                }
                (faults, count) = (changed, 0)
            } catch {
                return error.reply()
            }
        default: return DemoService.notAllowed("GET, HEAD, PUT, DELETE")
        }
        return Reply(
            200, Representation.contentType, Array(faults.json.text.utf8),
            fields: [("Cache-Control", "no-store")])
    }

    /// `name=value&…`. No value that is valid here needs percent coding.
    private static func form(_ body: [UInt8]) -> [(name: String, value: String)] {
        String(decoding: body, as: UTF8.self).split(separator: "&").map { pair in
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(halves[0]), halves.count > 1 ? String(halves[1]) : "")
        }
    }
}
