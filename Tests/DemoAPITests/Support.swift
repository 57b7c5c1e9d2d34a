import HTTP1

@testable import DemoAPI
@testable import Responder

/// A request as the server reads it; `fields` are whole lines.
func inquiry(_ requestLine: String, _ fields: String..., body: String = "") -> Inquiry? {
    let text =
        "\(requestLine) HTTP/1.1\r\nHost: demo\r\n"
        + fields.map { $0 + "\r\n" }.joined() + "\r\n"
    let bytes = Array(text.utf8)
    var parser = RequestParser()
    let head = RequestHead()
    guard case .complete = parser.parse(bytes.span, into: head) else { return nil }
    return Inquiry(head, body: Array(body.utf8))
}

extension DemoService {
    /// The reply to a GET of `target`.
    func get(_ target: String) -> Reply? {
        inquiry("GET \(target)").map { answer($0).reply }
    }
}

extension Reply {
    var text: String { String(decoding: body, as: UTF8.self) }

    func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}
