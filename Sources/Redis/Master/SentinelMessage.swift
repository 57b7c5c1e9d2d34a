/// What a Sentinel publishes about one group, as far as the resolver wants to know. No message decides
/// anything: one Sentinel's word can be late, old or wrong. All of them mean "look again now".
public enum SentinelMessage: Sendable, Equatable {
    /// A failover is under way or just happened. Of `+switch-master` the new master comes along, to be watched.
    case failover(newMaster: Endpoint?)
    /// It thinks the master down, or up again.
    case suspicion
    /// There is a replica.
    case replica(Endpoint)
    /// There is another Sentinel.
    case sentinel(SentinelPeer)
    /// Its clock jumped, or it was stopped: what it says is not to be relied on until it leaves this state.
    case tilt(isEntered: Bool)

    /// A longer message is none of Sentinel's.
    static let bytesMax = 1_024

    /// The channels to subscribe to.
    public static let channels = SentinelChannel.allCases.map(\.rawValue)

    /// The message `payload` on `channel` if it concerns `group`. `.irrelevant` is for messages about
    /// other groups and other servers, `.malformed` for what Sentinel would not write.
    public static func parse(
        channel: [UInt8], payload: [UInt8], group: [UInt8]
    ) -> SentinelReading {
        guard payload.count <= bytesMax,
            let channel = SentinelChannel(rawValue: String(decoding: channel, as: UTF8.self))
        else { return .malformed }
        let words = payload.split(separator: 0x20, omittingEmptySubsequences: false).map(Array.init)
        switch channel {
        case .tiltBegin: return .message(.tilt(isEntered: true))
        case .tiltEnd: return .message(.tilt(isEntered: false))
        case .switchMaster:
            guard words.count == 5, Endpoint(host: words[1], port: Decimal.value(words[2])) != nil,
                let endpoint = Endpoint(host: words[3], port: Decimal.value(words[4]))
            else { return .malformed }
            return words[0] == group ? .message(.failover(newMaster: endpoint)) : .irrelevant
        default:
            guard let instance = Instance(words) else { return .malformed }
            guard instance.group == group else { return .irrelevant }
            return instance.reading(channel)
        }
    }

    /// `<type> <name> <ip> <port>` of a master; `… @ <group> <ip> <port>` behind it for all others. More
    /// words may follow.
    private struct Instance {
        let type: [UInt8]
        let name: [UInt8]
        let endpoint: Endpoint
        let group: [UInt8]

        init?(_ words: [[UInt8]]) {
            guard words.count >= 4,
                let endpoint = Endpoint(host: words[2], port: Decimal.value(words[3]))
            else { return nil }
            type = words[0]
            name = words[1]
            self.endpoint = endpoint
            if type == Array("master".utf8) {
                group = name
            } else {
                guard words.count >= 8, words[4] == [UInt8(ascii: "@")] else { return nil }
                group = words[5]
            }
        }

        func reading(_ channel: SentinelChannel) -> SentinelReading {
            switch channel {
            case .masterDown, .masterUp:
                return type == Array("master".utf8) ? .message(.suspicion) : .irrelevant
            case .replica:
                return type == Array("slave".utf8) ? .message(.replica(endpoint)) : .malformed
            case .sentinel:
                guard type == Array("sentinel".utf8), let id = RunID(name) else {
                    return .malformed
                }
                return .message(.sentinel(SentinelPeer(endpoint: endpoint, id: id)))
            case .promoted:
                return .message(.failover(newMaster: endpoint))
            case .attempt, .elected:
                return .message(.failover(newMaster: nil))
            case .switchMaster, .tiltBegin, .tiltEnd:
                return .malformed
            }
        }
    }
}

/// A channel that a Sentinel publishes on.
public enum SentinelChannel: String, Sendable, CaseIterable {
    /// The master of a group is another one.
    case switchMaster = "+switch-master"
    /// The leader saw the replica that it promoted become master.
    case promoted = "+promoted-slave"
    /// A failover begins.
    case attempt = "+try-failover"
    /// This Sentinel leads the failover.
    case elected = "+elected-leader"
    /// Something is down in this Sentinel's opinion.
    case masterDown = "+sdown"
    /// It is not any more.
    case masterUp = "-sdown"
    /// Another Sentinel was found.
    case sentinel = "+sentinel"
    /// A replica was found.
    case replica = "+slave"
    /// This Sentinel does not trust its clock.
    case tiltBegin = "+tilt"
    /// It does again.
    case tiltEnd = "-tilt"
}

/// What came of a published message.
public enum SentinelReading: Sendable, Equatable {
    /// It means something for the group.
    case message(SentinelMessage)
    /// About another group or server.
    case irrelevant
    /// Not what Sentinel writes; to be counted.
    case malformed
}
