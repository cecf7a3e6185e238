"""Observation charts: the rows a nurse fills in, drawn from a seeded source."""

from __future__ import annotations

import random
from datetime import date, timedelta

from .markup import Block


def build_vitals(option: str, language: str) -> Block:
    """Build an observation table from 'first-day days hours…', e.g. '2024-03-18 4 06 14 22'."""
    first, days, *hours = option.split()
    source = random.Random(f"{option} {language}")
    french = language == "fr"
    rows = [
        "Date | Heure | PA (mmHg) | Pouls | T° | SpO2 | Douleur | Diurèse"
        if french
        else "Date | Time | BP | Pulse | Temp | SpO2 | Pain | NEWS2"
    ]
    for day in range(int(days)):
        stamp = (date.fromisoformat(first) + timedelta(days=day)).strftime("%d/%m")
        for hour in hours:
            systolic, pulse = source.randint(112, 148), source.randint(64, 92)
            temperature = f"{source.uniform(36.4, 37.8):.1f}"
            pressure = f"{systolic}/{systolic - source.randint(48, 62)}"
            saturation, pain = f"{source.randint(94, 98)} %", f"{source.randint(1, 4)}/10"
            if french:
                volume = f"{source.randint(25, 60) * 10} mL"
                temperature = temperature.replace(".", ",")
                row = [stamp, f"{hour} h", pressure, str(pulse), temperature, saturation, pain, volume]
            else:
                score = str(source.randint(0, 2))
                row = [stamp, f"{hour}:00", pressure, str(pulse), temperature, saturation, pain, score]
                row[5] = saturation.replace(" ", "")
            rows.append(" | ".join(row))
    return Block("table", tuple(rows), "9,9,12,9,8,9,10,11")
