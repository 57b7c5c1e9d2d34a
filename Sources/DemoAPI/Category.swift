/// A category of a tree that is computed: the parent of a number is the number without its last digit,
/// numbers below 10,000 are roots. One well-known branch (phones) is as one expects it.
struct Category {
    let id: ResourceID

    private static let phones: UInt64 = 1051
    private static let smartphones: UInt64 = 1055
    private static let rootsEnd: UInt64 = 10_000
    /// Categories from here on have no children.
    private static let leavesStart: UInt64 = 1_000_000
    private static let things = [
        "Accesorios", "Repuestos", "Herramientas", "Libros", "Juguetes", "Muebles", "Zapatillas",
        "Relojes", "Cámaras", "Instrumentos", "Plantas", "Bicicletas",
    ]
    private static let kinds = [
        "para el Hogar", "de Oficina", "Deportivos", "de Colección", "para Niños", "Profesionales",
        "Usados", "Importados", "de Jardín", "y Más",
    ]

    var name: String {
        switch id.number {
        case Category.phones: return "Celulares y Teléfonos"
        case Category.smartphones: return "Celulares y Smartphones"
        default:
            var draw = Draw(id.number, salt: 1)
            return "\(draw.word(Category.things)) \(draw.word(Category.kinds))"
        }
    }

    /// Items in it and below.
    private var itemCount: Int {
        var draw = Draw(id.number, salt: 2)
        return draw.number(10...90_000)
    }

    private var parent: Category? {
        if id.number == Category.smartphones { return Category(Category.phones) }
        return id.number < Category.rootsEnd ? nil : Category(id.number / 10)
    }

    /// From the root to the category itself.
    var path: [Category] { (parent?.path ?? []) + [self] }

    var children: [Category] {
        if id.number >= Category.leavesStart { return [] }
        // Numbers below 1,000 times ten would be roots themselves.
        let computed = id.number < 1_000 ? [] : (1...3).map { Category(id.number * 10 + $0) }
        return id.number == Category.phones ? [Category(Category.smartphones)] + computed : computed
    }

    init(_ id: ResourceID) { self.id = id }

    private init(_ number: UInt64) { id = ResourceID(number) }

    private var reference: [(name: String, value: JSONValue)] {
        [("id", .string(id.text)), ("name", .string(name))]
    }

    var json: JSONValue {
        let isLeaf = children.isEmpty
        return .object(
            reference + [
                ("picture", .null),
                ("permalink", .null),
                ("total_items_in_this_category", .number(itemCount)),
                ("path_from_root", .array(path.map { .object($0.reference) })),
                (
                    "children_categories",
                    .array(
                        children.map {
                            .object(
                                $0.reference + [
                                    ("total_items_in_this_category", .number($0.itemCount))
                                ])
                        })
                ),
                ("attribute_types", .string("attributes")),
                ("settings", settings(isLeaf: isLeaf)),
                ("meta_categ_id", .null),
                ("attributable", .bool(false)),
                ("date_created", .string("2018-04-25T08:12:56.000Z")),
            ])
    }

    private func settings(isLeaf: Bool) -> JSONValue {
        .object([
            ("adult_content", .bool(false)),
            ("buying_allowed", .bool(isLeaf)),
            ("buying_modes", .array([.string("buy_it_now")])),
            ("catalog_domain", .string("\(ResourceID.site)-CATEGORY_\(id.number)")),
            ("currencies", .array([.string("ARS")])),
            (
                "item_conditions",
                .array([.string("new"), .string("used"), .string("not_specified")])
            ),
            ("listing_allowed", .bool(isLeaf)),
            ("max_pictures_per_item", .number(12)),
            ("max_title_length", .number(60)),
            ("status", .string("enabled")),
        ])
    }
}
