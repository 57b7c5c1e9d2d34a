internal import EventLoop
internal import ProxyCore
internal import Redis
internal import Telemetry

/// Finds out who is the master of a Redis that holds limits alone; with a shared cache, that does it.
final class MasterSearch {
    private let store: LimitStore
    private let loop: Loop
    private let watcher: MasterWatcher
    private let driver: MasterDriver
    private let connected: Gauge

    init(_ store: LimitStore, on loop: Loop, _ shard: Shard, _ diagnostics: Diagnostics) {
        self.store = store
        self.loop = loop
        connected = shard.gauge(Catalogue.redisConnected)
        watcher = MasterWatcher(shard, diagnostics)
        driver = MasterDriver(
            on: loop, ResolverSettings(ResolverSettings.Mode(store.redis.place)),
            DriverOptions(store.redis), feed: store.feed, observer: watcher)
    }

    func start() {
        _ = store.feed.follow(on: loop) { [unowned self] in
            connected.set(store.feed.snapshot.master == nil ? 0 : 1)
        }
        driver.start()
    }
}
