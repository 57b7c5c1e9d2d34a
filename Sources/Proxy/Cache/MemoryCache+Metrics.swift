internal import ProxyCore
internal import Telemetry

extension MemoryCache {
    /// Adds fill and evictions to a metrics page.
    func collect(into sink: inout SampleSink) {
        var (entries, bytes) = (0, 0)
        var evicted = [UInt64](repeating: 0, count: CacheEvictionReason.allCases.count)
        withShards { shard in
            entries += shard.table.count
            bytes += shard.table.bytes
            for index in evicted.indices { evicted[index] += shard.evicted[index] }
        }
        let tier = CacheTier.local.rawValue
        sink.set(Catalogue.cacheEntries, [tier], to: Double(entries))
        sink.set(Catalogue.cacheSize, [tier], to: Double(bytes))
        sink.set(Catalogue.cacheMaxSize, [tier], to: Double(bytesMax))
        for reason in CacheEvictionReason.allCases {
            sink.set(
                Catalogue.cacheEvictions, [tier, reason.rawValue],
                to: Double(evicted[reason.index]))
        }
    }
}
