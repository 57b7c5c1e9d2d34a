import Redis
import Telemetry
import Testing

@testable import Proxy

@Suite("What the Redis client calls things, and what the metrics do")
struct SharedVocabularyTests {
    @Test("an end of a connection is counted under its own word")
    func reasons() {
        #expect(
            ConnectionFailure.Reason.allCases.map(\.rawValue)
                == RedisReconnectReason.allCases.map(\.rawValue))
    }

    @Test("an operation is known to the client by a number, and found again by it")
    func operations() {
        for operation in RedisOperation.allCases {
            #expect(operation.tag != 0)
            #expect(RedisOperation(tag: operation.tag) == operation)
        }
        for tag in [0, UInt8(RedisOperation.allCases.count + 1), 255] as [UInt8] {
            #expect(RedisOperation(tag: tag) == .other)
        }
    }
}
