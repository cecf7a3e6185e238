"""People, places, dates, doses and amounts, drawn from the pools or made up, in French and English.

A value is a `Value(text, other)`: the words as they stand in a document, and a wording that a question may
use instead.
"""

from __future__ import annotations

from engine.mini.drawing import Drawing, Value, read_pools, side_of
from engine.mini.things import Things

__all__ = ["Drawing", "Value", "Values", "read_pools", "side_of"]


class Values(Things):
    """People, places, dates, amounts and everything else that documents give."""

    def make_last(self) -> str:
        if self.random.random() < 0.45:
            return self.random.choice(self.pools["last"])[0]
        return self.word().capitalize()

    def make_fullname(self) -> str:
        r = self.random
        first = r.choice(self.pools["first"])[0] if r.random() < 0.8 else self.word(2).capitalize()
        last = self.make_last()
        if r.random() < 0.06:
            last += "-" + self.make_last()
        if self.french and r.random() < 0.15:
            last = last.upper()
        return f"{first} {last}"

    def make_person(self) -> str:
        if self.french:
            titles = ("M.", "Mme", "Madame", "Monsieur", "Mlle")
        else:
            titles = ("Mr", "Mrs", "Ms", "Mr.", "Mrs.")
        roll = self.random.random()
        if roll < 0.65:
            return self.make_fullname()
        return f"{self.pick(*titles)} {self.make_last() if roll < 0.85 else self.make_fullname()}"

    def make_doctor(self) -> str:
        titles = (
            ("Dr", "Dr", "Dr.", "docteur", "Dre", "Pr", "Docteur")
            if self.french
            else ("Dr", "Dr.", "Dr", "Doctor", "Prof.", "Professor")
        )
        return (
            f"{self.pick(*titles)} {self.make_last() if self.random.random() < 0.6 else self.make_fullname()}"
        )

    def make_lawyer(self) -> str:
        title = (
            self.pick("Me", "Maître") if self.french else self.pick("Mr", "Ms", "Attorney", "Counsel", "Me")
        )
        return f"{title} {self.make_fullname() if self.random.random() < 0.6 else self.make_last()}"

    def make_judge(self) -> str:
        title = (
            self.pick("Mme", "M.", "le juge", "la juge")
            if self.french
            else self.pick("Judge", "Justice", "Mr", "Ms")
        )
        return f"{title} {self.make_last() if self.random.random() < 0.6 else self.make_fullname()}"

    def make_company(self) -> str:
        r = self.random
        head = r.choice(self.pools["companyhead"])[0] if r.random() < 0.4 else self.word().capitalize()
        if r.random() < 0.2:
            head += " " + self.word().capitalize()
        if r.random() < 0.1:
            return head
        tail = r.choice(self.pools["companytail"])[0]
        return f"{tail} {head}" if self.french and tail.isupper() and r.random() < 0.5 else f"{head} {tail}"

    def make_party(self) -> str:
        return self.make_company() if self.random.random() < 0.5 else self.make_person()

    def make_city(self) -> str:
        return self.plain("city") if self.random.random() < 0.6 else self.word().capitalize()

    def make_address(self) -> str:
        r = self.random
        street = r.choice(self.pools["street"])[0]
        if r.random() < 0.4:
            name = self.word().capitalize()
            street = (
                f"{self.pick('rue', 'avenue', 'chemin', 'boulevard', 'place')} {name}"
                if self.french
                else (f"{name} {self.pick('Street', 'Road', 'Lane', 'Avenue', 'Close')}")
            )
        number = str(self.number(1, 190)) + self.pick("", "", "", "", " bis" if self.french else "A")
        text = f"{number}{self.pick('', ',') if self.french else ''} {street}"
        if r.random() < 0.6:
            code = (
                f"{self.number(10000, 98999)}"
                if self.french or r.random() < 0.4
                else (
                    f"{self.word(1)[:2].upper()}{self.number(1, 29)} "
                    f"{self.number(1, 9)}{self.word(1)[:2].upper()}"
                )
            )
            text += (
                f", {code} {self.make_city()}"
                if self.french or r.random() < 0.5
                else f", {self.make_city()} {code}"
            )
        return text

    def make_phone(self) -> str:
        pairs = [f"{self.number(0, 99):02d}" for _ in range(4)]
        if self.french:
            return (
                self.pick("0", "+33 ") + str(self.number(1, 9)) + self.pick(" ", " ", ".").join(["", *pairs])
            )
        return self.pick(
            f"0{self.number(100, 999)} {self.number(100, 999)} {self.number(1000, 9999)}",
            f"+44 {self.number(20, 99)} {self.number(1000, 9999)} {self.number(1000, 9999)}",
            f"({self.number(200, 989)}) {self.number(200, 999)}-{self.number(1000, 9999)}",
        )

    def make_email(self) -> str:
        name = self.word(2) + self.pick(".", "_", "") + self.word(2)
        return f"{name}@{self.word(2)}.{self.pick('fr', 'com', 'org', 'net')}"

    def make_date(self) -> str:
        r = self.random
        day, month, year = self.number(1, 28), self.number(1, 12), self.number(1938, 2031)
        if r.random() < 0.7:
            year = self.number(2012, 2027)
        name = self.pools["month"][month - 1][0]
        roll = r.random()
        if self.french:
            first = "1er" if day == 1 else str(day)
            if roll < 0.55:
                return f"{first} {name} {year}"
            if roll < 0.75:
                return f"{day:02d}/{month:02d}/{year}"
            if roll < 0.82:
                return f"{r.choice(self.pools['weekday'])[0]} {first} {name} {year}"
            if roll < 0.9:
                return f"{first} {name}"
            return self.pick(
                f"{day:02d}.{month:02d}.{year}", f"{year}-{month:02d}-{day:02d}", f"{name} {year}"
            )
        suffix = "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
        if roll < 0.45:
            return f"{day} {name} {year}"
        if roll < 0.62:
            return f"{name} {day}, {year}"
        if roll < 0.72:
            return f"{day:02d}/{month:02d}/{year}"
        if roll < 0.78:
            return f"{r.choice(self.pools['weekday'])[0]} {day} {name} {year}"
        if roll < 0.85:
            return self.pick(f"{day} {name}", f"{name} {day}", f"{day}{suffix} {name}")
        return self.pick(
            f"{day}{suffix} {name} {year}",
            f"{year}-{month:02d}-{day:02d}",
            f"{day} {name[:3]} {year}",
            f"{name} {year}",
        )

    def dated(self, count: int) -> list[tuple[str, int]]:
        """Different whole dates in one style, in any order, each with its place in time."""
        style, months = self.number(0, 3), [m[0] for m in self.pools["month"]]
        found: dict[int, str] = {}
        year = self.number(2005, 2026)
        while len(found) < count:
            day, month = self.number(1, 28), self.number(1, 12)
            this = year + self.number(-2, 2) if self.random.random() < 0.5 else year
            name = months[month - 1]
            if style == 0:
                text = f"{day:02d}/{month:02d}/{this}"
            elif style == 1:
                text = f"{this}-{month:02d}-{day:02d}"
            elif self.french:
                text = f"{'1er' if day == 1 else day} {name} {this}"
            else:
                text = f"{day} {name} {this}" if style == 2 else f"{name} {day}, {this}"
            found[this * 10000 + month * 100 + day] = text
        rows = [(text, order) for order, text in found.items()]
        return sorted(rows, key=lambda row: row[1]) if self.random.random() < 0.5 else rows

    def make_year(self) -> str:
        return str(self.number(1955, 2026))

    def make_hour(self) -> str:
        h, m = self.number(6, 21), self.pick("00", "15", "30", "45", "10", "20", "50", "05")
        if self.french:
            return self.pick(f"{h}h{m}", f"{h} h {m}", f"{h} heures", f"{h}:{m}", f"{h} h")
        half = "am" if h < 12 else "pm"
        return self.pick(
            f"{h}:{m}",
            f"{(h - 1) % 12 + 1}:{m} {half}",
            f"{(h - 1) % 12 + 1} {half}",
            f"{(h - 1) % 12 + 1}.{m} {half[0]}.m.",
        )

    def make_money(self) -> str:
        r = self.random
        amount = r.choice((self.number(10, 999), self.number(1000, 9999), self.number(10000, 999999)))
        if r.random() < 0.5 and amount > 100:
            amount = amount // 100 * 100 if amount > 999 else amount // 10 * 10
        cents = f"{self.number(0, 99):02d}" if r.random() < 0.3 else ""
        if self.french:
            text = f"{amount:,}".replace(",", self.pick(" ", " ", ".")) if r.random() < 0.8 else str(amount)
            text += "," + cents if cents else ""
            return f"{text} {self.pick('€', '€', 'euros', 'EUR', 'francs suisses', 'CHF', '$')}"
        text = f"{amount:,}" if r.random() < 0.8 else str(amount)
        text += "." + cents if cents else ""
        sign = self.pick("£", "€", "$", "£", "€", "EUR ", "USD ", "GBP ")
        return (
            f"{sign}{text}"
            if r.random() < 0.75
            else f"{text} {self.pick('euros', 'pounds', 'dollars', 'EUR', 'GBP')}"
        )

    def _spelled(self, n: int) -> str:
        words = (
            "un deux trois quatre cinq six sept huit neuf dix onze douze"
            if self.french
            else "one two three four five six seven eight nine ten eleven twelve"
        ).split()
        return words[n - 1] if n <= 12 and self.random.random() < 0.3 else str(n)

    def _counted(self, units: tuple[tuple[str, str], ...], low: int, high: int) -> str:
        n = self.number(low, high)
        one, many = self.random.choice(units)
        if n == 1 and self.french and one in ("année", "semaine", "heure", "tablette"):
            return f"une {one}"
        return f"{self._spelled(n)} {one if n == 1 else many}"

    def make_duration(self) -> str:
        units = (
            (("jour", "jours"), ("semaine", "semaines"), ("mois", "mois"), ("an", "ans"), ("année", "années"))
            if (self.french)
            else (("day", "days"), ("week", "weeks"), ("month", "months"), ("year", "years"))
        )
        return self._counted(units, 1, 40)

    def make_days(self) -> str:
        units = (
            (("jour", "jours"), ("nuit", "nuits")) if self.french else (("day", "days"), ("night", "nights"))
        )
        return self._counted(units, 2, 30)

    def make_hours(self) -> str:
        return f"{self.number(8, 48)} {self.pick('heures', 'h') if self.french else self.pick('hours', 'h')}"

    def make_age(self) -> str:
        return f"{self.number(18, 97)} {'ans' if self.french else self.pick('years', 'years', 'yrs')}"

    def make_dose(self) -> str:
        r = self.random
        if r.random() < 0.75:
            amount = r.choice(
                (
                    "2.5",
                    "5",
                    "10",
                    "20",
                    "25",
                    "40",
                    "50",
                    "75",
                    "80",
                    "100",
                    "150",
                    "200",
                    "250",
                    "500",
                    "850",
                    "1000",
                    "0.5",
                    "1.25",
                    "7.5",
                    "12.5",
                    "15",
                    "30",
                    "60",
                    "300",
                    "400",
                    "6",
                    "8",
                    "4",
                )
            )
            if self.french:
                amount = amount.replace(".", ",")
            return f"{amount} {self.pick('mg', 'mg', 'mg', 'mg', 'µg', 'g', 'mL')}"
        if self.french:
            return self._counted(
                (
                    ("comprimé", "comprimés"),
                    ("gélule", "gélules"),
                    ("goutte", "gouttes"),
                    ("unité", "unités"),
                    ("bouffée", "bouffées"),
                ),
                1,
                30,
            )
        return self._counted(
            (
                ("tablet", "tablets"),
                ("capsule", "capsules"),
                ("drop", "drops"),
                ("unit", "units"),
                ("puff", "puffs"),
            ),
            1,
            30,
        )

    def make_labvalue(self) -> str:
        r = self.random
        number = str(self.number(1, 400)) if r.random() < 0.4 else f"{self.number(0, 99)}.{self.number(0, 9)}"
        if r.random() < 0.1:
            number = f"{self.number(0, 9)}.{self.number(10, 99)}"
        if self.french:
            number = number.replace(".", ",")
        unit = r.choice(self.pools["labunit"])[0]
        return f"{number}%" if unit == "%" and not self.french else f"{number} {unit}"

    def make_bp(self) -> str:
        a, b = self.number(95, 198), self.number(52, 112)
        if self.french and self.random.random() < 0.3:
            return f"{a // 10}/{b // 10}"
        return f"{a}/{b}{self.pick('', ' mmHg', ' mm Hg')}"

    def make_pulse(self) -> str:
        per = " par minute" if self.french else " per minute"
        return f"{self.number(44, 138)}{self.pick('/min', ' bpm', per, '/min')}"

    def make_weight(self) -> str:
        whole = str(self.number(41, 128))
        part = f"{',' if self.french else '.'}{self.number(1, 9)}" if self.random.random() < 0.4 else ""
        return f"{whole}{part} kg"

    def make_temperature(self) -> str:
        return f"{self.number(35, 40)}{',' if self.french else '.'}{self.number(0, 9)} °C"

    def make_height(self) -> str:
        n = self.number(146, 199)
        return f"1,{n - 100} m" if self.french and self.random.random() < 0.4 else f"{n} cm"

    def make_percent(self) -> str:
        n = self.number(1, 99)
        part = f"{',' if self.french else '.'}{self.number(1, 9)}" if self.random.random() < 0.3 else ""
        return f"{n}{part}{' %' if self.french else self.pick('%', ' %', ' per cent')}"

    def make_ref(self) -> str:
        r = self.random
        letters = "".join(r.choice("ABCDEFGHJKLMNPRSTUVWXZ") for _ in range(r.choice((1, 2, 2, 3))))
        n = self.number(10, 99999)
        return self.pick(
            f"{letters}-{n}",
            f"{letters}{n}",
            f"{self.number(10, 29)}/{n:05d}",
            f"{letters}-20{self.number(10, 29)}-{n}",
            f"{n} {letters}",
            f"{self.number(2010, 2029)}-{n}",
            f"{letters} {self.number(100, 999)} {self.number(100, 999)}",
            f"{letters}/{n}/{self.number(10, 29)}",
            str(self.number(10000, 9999999)),
        )

    def make_plate(self) -> str:
        r = self.random
        pair = ["".join(r.choice("ABCDEFGHJKLMNPRSTVWXYZ") for _ in range(2)) for _ in range(2)]
        return (
            f"{pair[0]}-{self.number(100, 999)}-{pair[1]}"
            if self.french
            else f"{pair[0]}{self.number(10, 79)} {pair[1]}X"
        )

    def make_article(self) -> str:
        n = self.number(1, 39)
        sub = self.pick("", "", f".{self.number(1, 9)}")
        return (
            f"l'article {n}{sub}" if self.french else f"{self.pick('Article', 'Clause', 'Section')} {n}{sub}"
        )

    def make_room(self) -> str:
        n = self.number(1, 420)
        return f"salle {n}" if self.french else self.pick(f"Room {n}", f"Courtroom {n}", f"room {n}")

    def make_area(self) -> str:
        return f"{self.number(12, 890)} {'m²' if self.french else self.pick('m²', 'square metres', 'sq ft')}"

    def make_distance(self) -> str:
        n = self.number(300, 290000)
        return f"{n:,}".replace(",", " " if self.french else ",") + " km"

    def make_size(self) -> str:
        return f"{self.number(2, 95)} mm"

    def make_volume(self) -> str:
        litres = f"{self.number(0, 3)}{',' if self.french else '.'}{self.number(1, 9)}"
        return self.pick(
            f"{self.number(2, 98) * 10} mL", f"{self.number(2, 98) * 10} ml", f"{litres} L", f"{litres} l"
        )

    def make_flow(self) -> str:
        return f"{self.number(1, 12)} L/min"

    def make_stage(self) -> str:
        n = self.number(0, 3)
        return self.pick(
            f"pT{self.number(1, 4)} N{n} M{self.number(0, 1)}",
            f"T{self.number(1, 4)}N{n}",
            self.pick("I", "II", "IIIA", "IV"),
            f"grade {self.number(1, 3)}",
            f"pT{self.number(1, 4)}{self.pick('a', 'b')} pN{n}",
        )

    def make_number(self) -> str:
        return self._spelled(self.number(2, 60))

    def make_decimal(self) -> str:
        return f"{self.number(16, 44)}{',' if self.french else '.'}{self.number(0, 9)}"

    def make_acuity(self) -> str:
        return f"{self.number(1, 10)}/10"

    def make_bloodgroup(self) -> str:
        group = self.pick("A", "B", "AB", "O")
        sign = self.pick(
            "+", "-", " positif" if self.french else " positive", " négatif" if self.french else " negative"
        )
        return group + sign

    def make_packyears(self) -> str:
        n = self.number(2, 60)
        return f"{n} paquets-années" if self.french else f"{n} pack-years"

    def make_count(self) -> str:
        units = (
            ("verres", "heures", "fois", "tasses") if self.french else ("glasses", "hours", "times", "cups")
        )
        return f"{self.number(2, 40)} {self.pick(*units)}"

    def make_drug(self) -> Value:
        if self.random.random() < 0.3:
            name = self.word(self.random.choice((2, 3))) + self.pick(
                "ol", "ine", "il", "an", "ide", "one", "um", "ex"
            )
            return Value(name, "médicament" if self.french else "medicine")
        item = self.random.choice(self.pools["drug"])
        return Value(item[0], self.random.choice(item[1:]))
