"""Small reference data of the invented retailer: countries, names, products, coupons, companies."""
# ruff: noqa: RUF001 - names are spelt as people spell them

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Country:
    """What depends on a person's country.

    Attributes:
        code: ISO 3166 code.
        weight: Share of the people.
        locale: Browser locale.
        currency: What they pay in.
        calling: Calling code.
        trunk: Digit dialled before national numbers, empty where there is none.
        mobile: First digits of a mobile number, without the trunk digit; seven digits follow.
        zip_digits: Length of a postal code.
        timezone: IANA name.
        first: Given names.
        last: Family names.
        cities: Towns.
    """

    code: str
    weight: float
    locale: str
    currency: str
    calling: str
    trunk: str
    mobile: str
    zip_digits: int
    timezone: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    cities: tuple[str, ...]


def _country(code: str, weight: float, facts: str, first: str, last: str, cities: str) -> Country:
    locale, currency, calling, trunk, mobile, zip_digits, timezone = facts.split()
    return Country(
        code,
        weight,
        locale,
        currency,
        calling,
        trunk.strip("-"),
        mobile,
        int(zip_digits),
        timezone,
        tuple(first.split()),
        tuple(last.split()),
        tuple(cities.split("|")),
    )


COUNTRIES: tuple[Country, ...] = (
    _country(
        "DE",
        0.34,
        "de-DE EUR 49 0 1512 5 Europe/Berlin",
        "Anna Jürgen Lena Paul Mia Łukasz Sophie Björn Emma Jonas Marie Mehmet Clara Finn Ayşe Käthe Max Zoë Felix",
        "Müller Schmidt Schröder Fischer Weber Yıldız Wagner Becker Großmann Hoffmann Kowalski Koch Bauer Köhler Çelik",
        "Berlin|Hamburg|München|Köln|Leipzig|Düsseldorf|Nürnberg|Bremen",
    ),
    _country(
        "AT",
        0.06,
        "de-AT EUR 43 0 664 4 Europe/Vienna",
        "Lukas Anna Tobias Sarah Jakob Magdalena Dragan Valentina Jörg Theresa",
        "Gruber Huber Pichler Steiner Moser Mayer Hofer Jovanović Eder Böck",
        "Wien|Graz|Linz|Salzburg|Innsbruck",
    ),
    _country(
        "NL",
        0.10,
        "nl-NL EUR 31 0 61 4 Europe/Amsterdam",
        "Daan Sanne Bram Fleur Sem Noor Thijs Lotte Fatima Jesse Anouk Ruben",
        "Jansen Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Yılmaz Brouwer",
        "Amsterdam|Rotterdam|Utrecht|Eindhoven|Groningen",
    ),
    _country(
        "FR",
        0.14,
        "fr-FR EUR 33 0 61 5 Europe/Paris",
        "Chloé Léo Camille Hugo Zoé Gaël Inès Théo Amélie François Élodie Noël Agnès Jérôme",
        "Martin Bernard Dubois Lefèvre Moreau Garnier Benoît Nguyễn Chevalier Gérard Traoré Rousseau",
        "Paris|Lyon|Marseille|Nantes|Orléans|Besançon",
    ),
    _country(
        "GB",
        0.12,
        "en-GB GBP 44 0 740 5 Europe/London",
        "Oliver Amelia George Isla Siân Harry Ava Zara Freddie Niamh Priya Callum",
        "Smith Jones Taylor Brown Williams Evans Patel Walker O'Neill Khan Hughes Clarke",
        "London|Leeds|Bristol|Glasgow|Cardiff|Manchester",
    ),
    _country(
        "US",
        0.10,
        "en-US USD 1 - 212 5 America/New_York",
        "Liam Olivia Mason Harper Ethan Sofía Logan Chloe Hiroshi Ngọc Grace Tyler",
        "Johnson Miller Davis Garcia Rodríguez Wilson Anderson Lee Nguyen Kim Moore Peña",
        "New York|Chicago|Austin|Seattle|Denver",
    ),
    _country(
        "ES",
        0.07,
        "es-ES EUR 34 - 61 5 Europe/Madrid",
        "Lucía Martín Sofía Iñaki María Ángel Begoña Hugo Nuria Álvaro Carmen Íñigo",
        "García Fernández González Muñoz López Ibáñez Núñez Sánchez Peña Castaño",
        "Madrid|Barcelona|Sevilla|Málaga|Logroño",
    ),
    _country(
        "IT",
        0.07,
        "it-IT EUR 39 - 345 5 Europe/Rome",
        "Giulia Matteo Chiara Lorenzo Niccolò Alessia Noè Francesca Davide Martina",
        "Rossi Bianchi Ferrari Esposito Romano Colombo Ricci Marino D'Angelo Conti",
        "Milano|Roma|Torino|Napoli|Forlì",
    ),
)

#: Top-level domain that nobody can register: a slip in a configuration never writes to a stranger.
MAIL_DOMAINS = ("mail.example", "post.example", "inbox.example", "letters.example", "courriel.example")
TYPO_DOMAINS = ("mial.example", "post.exmaple", "inbx.example", "leters.example", "couriel.example")

_KINDS = (
    ("Rain jacket", 129), ("Wool jumper", 89), ("Canvas sneaker", 75), ("Linen shirt", 59), ("Denim jeans", 95),
    ("Leather belt", 39), ("Silk scarf", 49), ("Winter coat", 229), ("Running shoe", 119), ("Cotton socks", 9),
    ("Swim shorts", 35), ("Summer dress", 79), ("Beanie", 19), ("Travel bag", 149), ("Wallet", 45),
)  # fmt: skip
_SHADES = ("Ecru", "Noir", "Grün", "Azul", "Rosé", "Graphite", "Senf", "Café")

#: 120 products: title, sku, price in cents.
PRODUCT_TITLES = tuple(f"{kind} {shade}" for kind, _ in _KINDS for shade in _SHADES)
PRODUCT_SKUS = tuple(f"SKU-{100 + number // 8}-{number % 8:02d}" for number in range(len(PRODUCT_TITLES)))
PRODUCT_CENTS = np.array(
    [price * 100 + 90 + 250 * shade for _, price in _KINDS for shade in range(len(_SHADES))], dtype=np.int64
)

COUPONS = ("WELCOME10", "SUMMER20", "VIP15", "FLASH25")
COUPON_PERCENT = np.array([10, 20, 15, 25], dtype=np.int64)

CAMPAIGNS = (
    "Winter sale", "Spring preview", "Rain ready", "Members' evening", "Summer dresses", "Back in stock",
    "Half-price Friday", "Last chance",
)  # fmt: skip

USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/137.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Mobile Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/137.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_5) AppleWebKit/605.1.15 Version/18.5 Safari/605.1.15",
)
TABLET_AGENT = "Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1"
KIOSK_AGENT = "WeaverKiosk/2.4 (store terminal)"
LIBRARIES = ("analytics.js", "analytics-ios", "analytics-android", "analytics.js")

JOBS = ("Buyer", "Store manager", "Teacher", "Ingénieure", "Geschäftsführerin", "Owner", "Nurse", "Designer", None)
COMPANY_NAMES = ("Alpenhof", "Canal Cycling", "Nordlicht", "Maison Verte", "Blue Harbour", "Café Sol", "Lumen", "Forja")
INDUSTRIES = ("HOSPITALITY", "RETAIL", "SPORTS", "DESIGN", "EDUCATION_MANAGEMENT")
