"""A picture in SVG, in the colours of a light or of a dark page."""
from html import escape

FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
THEMES = {
    "light": {"text": "#1f2328", "faint": "#59636e", "grid": "#d8dee4", "kvstore": "#d1480f", "Valkey 9.1": "#3b5bdb",
              "Redis 8.2": "#0f8a6d", "floor": "#9aa4af"},
    "dark": {"text": "#f0f6fc", "faint": "#9198a1", "grid": "#30363d", "kvstore": "#ff8a4c", "Valkey 9.1": "#8ea7ff",
             "Redis 8.2": "#4cc9a4", "floor": "#6e7681"},
}


class Picture:
    def __init__(self, width, height, theme, title):
        self.width, self.height, self.colours = width, height, THEMES[theme]
        self.parts = [f"<title>{escape(title)}</title>"]

    def colour(self, name):
        return self.colours.get(name, self.colours["faint"])

    def text(self, x, y, words, *, size=12, colour="text", anchor="start", weight="normal"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{self.colour(colour)}" '
                          f'text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>')

    def line(self, x1, y1, x2, y2, colour="grid", width=1, dashes=""):
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'stroke="{self.colour(colour)}" stroke-width="{width}"{dashed}/>')

    def bar(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" rx="1.5" '
                          f'fill="{self.colour(colour)}"/>')

    def path(self, points, colour, width=2):
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{joined}" fill="none" stroke="{self.colour(colour)}" stroke-width="{width}" '
                          f'stroke-linejoin="round"/>')
        self.parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{width + 0.5}" fill="{self.colour(colour)}"/>' for x, y in points]

    def save(self, path):
        with open(path, "w") as file:
            file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                       f'width="{self.width}" height="{self.height}" font-family="{FONT}" role="img">\n')
            file.write("\n".join(self.parts) + "\n</svg>\n")
