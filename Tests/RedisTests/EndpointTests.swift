import Redis
import Testing

@Suite("Endpoint")
struct EndpointTests {
    @Test(
        "is written as in a URL", arguments: [("redis-1", "redis-1:6379"), ("::1", "[::1]:6379")])
    func description(host: String, text: String) {
        #expect(Endpoint(host: host, port: 6379).description == text)
    }
}
