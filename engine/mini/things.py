"""Values of machines, programs, studies and everyday life, drawn or composed, in French and English."""

from __future__ import annotations

from engine.mini.drawing import Drawing


class Things(Drawing):
    def make_made(self) -> str:
        return self.word().capitalize()

    def make_madelow(self) -> str:
        return self.word(self.random.choice((1, 2, 2))) + self.pick("", "", "", "d", "ctl", "-utils", "tool")

    def make_model(self) -> str:
        letter = self.pick("", "", "A", "S", "X", "T", "M")
        return f"{letter}{self.number(1, 90) * self.random.choice((1, 10, 100))}"

    def make_version(self) -> str:
        n = f"{self.number(0, 19)}.{self.number(0, 30)}"
        n += self.pick("", "", f".{self.number(0, 12)}", "-rc1", "b")
        return self.pick(n, n, f"version {n}", f"v{n}", str(self.number(2, 40)))

    def make_path(self) -> str:
        name = self.word(self.random.choice((1, 2)))
        ending = self.pick("conf", "toml", "log", "txt", "pdf", "ini", "cfg", "yaml", "csv", "odt", "png")
        folder = self.pick("/etc", "/var/log", "/opt", "~/.config", "C:\\Data", "/srv", "/usr/share", "./out")
        slash = "\\" if "\\" in folder else "/"
        return self.pick(
            f"{folder}{slash}{name}.{ending}",
            f"{name}.{ending}",
            f"{folder}{slash}{self.word(1)}{slash}{name}.{ending}",
            f"{folder}{slash}{name}",
            f"{name}-{self.number(1, 2025)}.{ending}",
        )

    def make_port(self) -> str:
        return str(self.number(21, 65535))

    def make_filesize(self) -> str:
        unit = self.pick("MB", "GB", "kB", "MiB", "GiB") if not self.french else self.pick("Mo", "Go", "ko")
        n = self.random.choice((self.number(1, 64), 2 ** self.number(0, 11), self.number(1, 20) * 50))
        return f"{n} {unit}"

    def make_command(self) -> str:
        word, other = self.word(self.random.choice((1, 2))), self.word(1)
        return self.pick(
            f"{word} --{other}",
            f"{word} -{other[0]}",
            f"{word} {other}",
            f"./{word}.sh",
            f"{word} --{other}={self.number(1, 99)}",
            f"make {other}",
        )

    def make_seconds(self) -> str:
        n = self.number(2, 90)
        return f"{n} {self.pick('secondes' if self.french else 'seconds', 's', 'minutes', 'ms')}"

    def make_longopt(self) -> str:
        word = self.word(self.random.choice((1, 2)))
        return f"--{word}" + (f"-{self.word(1)}" if self.random.random() < 0.4 else "")

    def make_shortopt(self) -> str:
        return "-" + self.random.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIKLMNPRSTUVXZ")

    def make_power(self) -> str:
        part = f"{',' if self.french else '.'}{self.number(1, 9)}" if self.random.random() < 0.4 else ""
        return f"{self.number(1, 95)}{part} {self.pick('kW', 'W', 'kWh', 'hp' if not self.french else 'ch')}"

    def make_voltage(self) -> str:
        n = self.random.choice((12, 24, 48, 110, 115, 220, 230, 240, 380, 400))
        return f"{n} {self.pick('V', 'V', 'volts')}"

    def make_speed(self) -> str:
        if self.french:
            return f"{self.number(12, 190)} {self.pick('km/h', 'km/h', 'm/s')}"
        return f"{self.number(12, 190)} {self.pick('mph', 'km/h', 'm/s', 'miles an hour')}"

    def make_bignumber(self) -> str:
        n = self.random.choice((self.number(40, 999), self.number(1000, 99999), self.number(100000, 4000000)))
        text = f"{n:,}"
        return text.replace(",", self.pick(" ", " ", "")) if self.french else text

    def make_altitude(self) -> str:
        unit = self.pick("m", "mètres") if self.french else self.pick("m", "metres", "feet")
        return f"{self.number(4, 2900)} {unit}"

    def make_heat(self) -> str:
        unit = self.pick("°C", "degrés") if self.french else self.pick("°C", "degrees", "°F")
        return f"{self.number(12, 26) * 10} {unit}"

    def make_page(self) -> str:
        n = self.number(2, 480)
        return self.pick(f"la page {n}", f"page {n}") if self.french else self.pick(f"page {n}", f"p. {n}")

    def make_mark(self) -> str:
        n = self.number(4, 20)
        if self.french:
            return self.pick(f"{n}/20", f"{n},{self.number(1, 9)}/20", f"{n} sur 20")
        return self.pick(f"{n * 5}%", f"{n}/20", f"{n * 5} out of 100", self.pick("A", "B+", "C", "B"))

    def make_thing(self) -> str:
        """Two to four words that name something."""
        noun, adjective = self.plain("thingnoun"), self.plain("adjective2")
        roll = self.random.random()
        if self.french:
            article, _, bare = noun.rpartition(" ") if " " in noun else ("", "", noun)
            if roll < 0.45 or not article or article not in ("le", "un"):
                return noun if roll < 0.3 else f"{noun} de {self.word().capitalize()}"
            return f"le {bare} {adjective}"
        if roll < 0.5:
            return f"the {adjective} {noun}"
        if roll < 0.7:
            return f"the {self.word().capitalize()} {noun}"
        return f"the {noun}" if roll < 0.85 else f"a {adjective} {self.plain('adjective2')} {noun}"

    def make_purpose(self) -> str:
        """What something is for: `to measure the rear valve`, `à mesurer la vanne`."""
        text = f"{'à' if self.french else 'to'} {self.plain('verbbase')} {self.make_thing()}"
        return text if self.random.random() < 0.7 else f"{text} {self.plain('purposeend')}"

    def make_resolve(self) -> str:
        verb = self.plain("verbbase")
        link = "to " if not self.french else "d'" if verb[0] in "aeiouéh" else "de "
        return f"{link}{verb} {self.make_thing()}"

    def make_definition(self) -> str:
        """What a word means: `a device to measure the rear valve`."""
        if self.french:
            head = self.pick(
                "un appareil qui sert", "une méthode destinée", "un texte qui aide", "une règle visant"
            )
            return f"{head} à {self.plain('verbbase')} {self.make_thing()}"
        head = self.pick(
            "a device", "a method", "a text", "a rule", "the time needed", "a group of people who meet"
        )
        return f"{head} to {self.plain('verbbase')} {self.make_thing()}"

    def make_instruction(self) -> str:
        verb = self.plain("verbbase")
        return f"{verb} {self.make_thing()}"

    def make_cause(self) -> str:
        if self.random.random() < 0.6:
            return self.plain("cause")
        head = (
            self.pick("un défaut :", "une panne :", "l'usure :", "l'absence :")
            if self.french
            else self.pick(
                "a fault in", "the failure of", "wear of", "the lack of", "a mistake with", "damage to"
            )
        )
        return f"{head} {self.make_thing()}"
