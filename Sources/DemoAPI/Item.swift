/// Something on sale, made up from its id.
struct Item {
    let id: ResourceID

    private static let brands = [
        "Samsung", "Motorola", "Xiaomi", "Apple", "Nokia", "Sony", "Philips", "Bosch",
    ]
    private static let products = [
        "Celular", "Auriculares", "Cargador", "Funda", "Parlante", "Reloj", "Tablet", "Taladro",
    ]
    private static let colours = ["Negro", "Blanco", "Azul", "Rojo", "Verde", "Gris"]

    var json: JSONValue {
        var draw = Draw(id.number, salt: 3)
        let brand = draw.word(Item.brands)
        let colour = draw.word(Item.colours)
        let model = "\(draw.number(10...99))"
        let title = "\(draw.word(Item.products)) \(brand) \(model) \(colour)"
        let price = draw.number(1_000...900_000)
        let available = draw.number(0...500)
        let sold = draw.number(0...5_000)
        let category = draw.number(1_000...9_999) * 10 + draw.number(1...3)
        return .object([
            ("id", .string(id.text)),
            ("site_id", .string(ResourceID.site)),
            ("title", .string(title)),
            ("seller_id", .number(draw.number(1_000_000...999_999_999))),
            ("category_id", .string("\(ResourceID.site)\(category)")),
            ("official_store_id", .null),
            ("price", .number(price)),
            ("base_price", .number(price)),
            ("original_price", .null),
            ("currency_id", .string("ARS")),
            ("initial_quantity", .number(available + sold)),
            ("available_quantity", .number(available)),
            ("sold_quantity", .number(sold)),
            ("buying_mode", .string("buy_it_now")),
            ("listing_type_id", .string(draw.word(["gold_special", "gold_pro", "free"]))),
            ("condition", .string(draw.word(["new", "used"]))),
            ("permalink", .string("https://articulo.example/\(ResourceID.site)-\(id.number)")),
            ("pictures", pictures(draw.number(1...6))),
            ("attributes", attributes(brand: brand, model: model, colour: colour)),
            ("shipping", shipping(isFree: draw.number(0...1) == 1)),
            ("status", .string(available > 0 ? "active" : "paused")),
            ("warranty", .string("Garantía de fábrica: \(draw.number(3...24)) meses")),
            ("date_created", .string("2025-01-15T12:00:00.000Z")),
            ("last_updated", .string("2025-06-01T09:30:00.000Z")),
        ])
    }

    private func pictures(_ count: Int) -> JSONValue {
        .array(
            (1...count).map { index in
                .object([
                    ("id", .string("\(id.number)-\(ResourceID.site)-\(index)")),
                    ("secure_url", .string("https://img.example/\(id.text)-\(index).jpg")),
                    ("size", .string("500x500")), ("max_size", .string("1200x1200")),
                ])
            })
    }

    private func attributes(brand: String, model: String, colour: String) -> JSONValue {
        let rows = [
            ("BRAND", "Marca", brand), ("MODEL", "Modelo", model), ("COLOR", "Color", colour),
        ]
        return .array(
            rows.map { id, name, value in
                .object([
                    ("id", .string(id)), ("name", .string(name)), ("value_id", .null),
                    ("value_name", .string(value)),
                ])
            })
    }

    private func shipping(isFree: Bool) -> JSONValue {
        .object([
            ("mode", .string("me2")), ("free_shipping", .bool(isFree)),
            ("local_pick_up", .bool(false)),
            ("logistic_type", .string(isFree ? "fulfillment" : "drop_off")),
        ])
    }
}
