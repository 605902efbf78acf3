"""Writes the sample books beside this file: a PDF with a text layer, a scanned page and an EPUB. The text was written for this
project. Only the scanned page needs a tool, pdftoppm of poppler-utils; the files are committed, so nobody needs to run this.
"""

import pathlib
import subprocess
import zipfile

BOOKS = pathlib.Path(__file__).parent / "books"

ENGLISH = {
    "Asthma in adults": """Asthma is a chronic inflammation of the airways that narrows the bronchi and makes breathing hard. Typical
symptoms are wheezing, cough and tightness of the chest, and they are worst at night and in the early morning. The diagnosis rests on
spirometry: the forced expiratory volume in one second rises by at least 12 % and 200 ml after a bronchodilator has been inhaled. Allergic
rhinitis and eczema are frequent companions, and aspirin provokes an attack in some patients. An attack with an oxygen saturation below
92 % or a peak flow below 33 % of the predicted value threatens life and belongs into hospital.""",
    "Treatment of asthma": """Inhaled corticosteroids are the basis of treatment because they reduce the inflammation of the bronchial mucosa.
Budesonide is given at 200 to 400 µg a day; when the symptoms persist, a long-acting beta agonist such as formoterol is added before the
dose of the steroid is raised. Patients use a short-acting bronchodilator such as salbutamol for relief, and whoever needs it more than
twice a week needs more of the preventive drug. Prednisolone at 40 mg a day for five to seven days shortens a severe exacerbation. Oral
candidiasis and hoarseness are the commonest adverse effects of inhaled steroids, and rinsing the mouth prevents most of them.""",
    "Follow-up": """Every patient should have a written plan that says what to do when the symptoms grow worse. The physician checks the
technique of inhalation at each visit, since errors are frequent and look like resistance to therapy. Smoking must be stopped, vaccination
against influenza is offered every year, and pregnancy is no reason to stop inhaled steroids. Eosinophils above 300 per microlitre of blood
in spite of high doses point to patients who may profit from antibodies against interleukin-5.""",
}

FRENCH = """L'hypertension artérielle est définie par une pression systolique d'au moins 140 mmHg ou une pression diastolique d'au moins
90 mmHg, mesurée plusieurs fois au repos. Elle est le principal facteur de risque de l'accident vasculaire cérébral et de l'insuffisance
cardiaque. Le bilan initial comprend la créatinine, la kaliémie, la glycémie, une bandelette urinaire et un électrocardiogramme. Le
traitement associe des mesures hygiéniques, comme la réduction du sel et la perte de poids, à des médicaments : inhibiteurs de l'enzyme de
conversion, antagonistes calciques ou diurétiques thiazidiques. On commence par exemple par 5 mg d'amlodipine par jour. Une toux sèche
sous inhibiteur de l'enzyme de conversion conduit à le remplacer par un sartan. La kaliémie et la fonction rénale sont contrôlées après
deux semaines, puis une fois par an chez le patient stable."""

SPANISH = """La diabetes mellitus de tipo 2 se debe a la resistencia a la insulina y a la pérdida progresiva de las células beta del páncreas.
El diagnóstico se establece con una glucemia en ayunas de al menos 126 mg/dl o una hemoglobina glucosilada de al menos 6,5 %. El tratamiento
comienza con dieta, ejercicio y metformina, que se inicia con 500 mg al día y se aumenta hasta 2000 mg. Los pacientes con enfermedad
cardiovascular o insuficiencia renal se benefician de los inhibidores de SGLT2. Cada año se examinan la retina, los pies y la albuminuria
para descubrir a tiempo la retinopatía, la neuropatía y la nefropatía diabética."""


def wrap(text, width):
    """Lines of at most `width` characters; a long word at the end is hyphenated, as in print."""
    lines, line = [], ""
    for word in " ".join(text.split()).split(" "):
        if len(line) + len(word) + 1 <= width:
            line = f"{line} {word}".strip()
            continue
        room = width - len(line) - 2
        if len(word) >= 10 and room >= 4 and word.isalpha():
            lines.append(f"{line} {word[:room]}-")
            line = word[room:]
        else:
            lines.append(line)
            line = word
    return lines + [line]


def pdf(pages):
    """A PDF of pages of (left, top, size, text) in Times, in the encoding of Windows."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>",
               f"<< /Type /Pages /Count {len(pages)} /Kids [{' '.join(f'{4 + 2 * n} 0 R' for n in range(len(pages)))}] >>".encode(),
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding /WinAnsiEncoding >>"]
    for number, page in enumerate(pages):
        content = b""
        for left, top, size, text in page:
            escaped = text.encode("cp1252")
            for mark in (b"\\", b"(", b")"):
                escaped = escaped.replace(mark, b"\\" + mark)
            content += f"BT /F1 {size} Tf {left} {842 - top} Td (".encode() + escaped + b") Tj ET\n"
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R "
                       "/Resources << /Font << /F1 3 0 R >> >> >>".encode())
        objects.append(f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"\nendstream")
    file, offsets = b"%PDF-1.7\n", []
    for number, body in enumerate(objects):
        offsets.append(len(file))
        file += f"{number + 1} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(file)
    file += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    file += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    return file + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()


def body(text, first, size=12, left=70, top=100, width=78):
    return [(left, top + 17 * (first + number), size, line) for number, line in enumerate(wrap(text, width))]


def asthma():
    pages = [[(150, 300, 28, "Asthma"), (150, 340, 16, "A short guide for wards")],
             [(70, 90, 16, "Contents")] + [(70, 130 + 20 * number, 12, f"{title} . . . . . . . . . {number + 3}")
                                           for number, title in enumerate(list(ENGLISH) + ["References"] + [
                                               f"Appendix {letter}" for letter in "ABCDE"])]]
    for number, (title, text) in enumerate(ENGLISH.items()):
        pages.append([(240, 40, 9, "Asthma: a short guide"), (70, 95, 16, title)] + body(text, 1)
                     + [(295, 810, 9, str(number + 3))])
    references = ["Moreau L, Duval P. Inhaled steroids in adults. J Airway Dis. 2011;64:201-9.",
                  "Keller AB, Frey M. Peak flow at home. Respir Notes. 2014;12:33-41.",
                  "Ito K, Mori S. Eosinophils and asthma. Chest Lett. 2018;7:110-8.",
                  "Lund T, Berg E. Technique of inhalation. Ward Rep. 2016;3:5-12.",
                  "Silva R, Costa D. Exacerbations in winter. J Airway Dis. 2019;72:88-97."]
    pages.append([(240, 40, 9, "Asthma: a short guide"), (70, 95, 16, "References")]
                 + [(70, 130 + 30 * number, 12, line) for number, line in enumerate(references)] + [(295, 810, 9, "6")])
    return pdf(pages)


def epub(path):
    chapters = " ".join("<p>" + part.strip() + ".</p>" for part in SPANISH.replace("\n", " ").split(". ") if part)
    files = {
        "META-INF/container.xml": '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "book.opf": '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0"><manifest>'
        '<item id="c1" href="c1.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="c1"/></spine></package>',
        "c1.xhtml": '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>Diabetes</title></head>'
        f"<body><h1>Diabetes mellitus</h1>{chapters}</body></html>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), "application/epub+zip")
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)


def main():
    BOOKS.mkdir(exist_ok=True)
    (BOOKS / "asthma.pdf").write_bytes(asthma())
    epub(BOOKS / "diabetes.epub")
    scan = BOOKS / "scan.pdf"
    scan.write_bytes(pdf([body(FRENCH, 0)]))
    subprocess.run(["pdftoppm", "-png", "-gray", "-r", "150", "-singlefile", scan, BOOKS / "hypertension"], check=True)
    scan.unlink()


if __name__ == "__main__":
    main()
