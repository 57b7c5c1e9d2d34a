/// The countries that the marketplace works in.
enum Sites {
    private static let all = [
        ("MLA", "Argentina", "ARS"), ("MLB", "Brasil", "BRL"), ("MLC", "Chile", "CLP"),
        ("MCO", "Colombia", "COP"), ("MCR", "Costa Rica", "CRC"), ("MEC", "Ecuador", "USD"),
        ("MLM", "Mexico", "MXN"), ("MPE", "Perú", "PEN"), ("MLU", "Uruguay", "UYU"),
        ("MLV", "Venezuela", "VES"),
    ]

    static var json: JSONValue {
        .array(
            all.map { id, name, currency in
                .object([
                    ("default_currency_id", .string(currency)), ("id", .string(id)),
                    ("name", .string(name)),
                ])
            })
    }
}
