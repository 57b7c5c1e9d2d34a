internal import Responder

/// A refusal in the shape of MercadoLibre's API: message, error, status, cause.
struct APIError: Error, Equatable {
    let status: UInt16
    /// A word for programs.
    let error: String
    /// A sentence for people.
    let message: String

    static func notFound(_ message: String) -> APIError {
        APIError(status: 404, error: "not_found", message: message)
    }

    static func badRequest(_ message: String) -> APIError {
        APIError(status: 400, error: "bad_request", message: message)
    }

    /// What a switched-on fault answers.
    static func fault(_ status: UInt16) -> APIError {
        APIError(
            status: status, error: status == 429 ? "too_many_requests" : "demo_fault",
            message: "this error was asked for")
    }

    var json: JSONValue {
        .object([
            ("message", .string(message)), ("error", .string(error)),
            ("status", .number(Int(status))), ("cause", .array([])),
        ])
    }

    /// A reply that nobody keeps, but for 404, which stays true for a while.
    func reply(fields: [(name: String, value: String)] = []) -> Reply {
        let caching = status == 404 ? "max-age=10" : "no-store"
        return Reply(
            status, Representation.contentType, Array(json.text.utf8),
            fields: [("Cache-Control", caching)] + fields)
    }
}
