"""The goods of PIHPS: ids, names and which commodity belongs to which category.

Belongs here: what never changes from one province to another and is needed to ask and to read. Does not belong
here: places (`agency.yaml`) and prices.
"""

from dataclasses import dataclass

ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
"""Row numbers of the grids at level 1, in the order of the categories."""


@dataclass(frozen=True)
class Barang:
    """A category (`cat_N`, no parent) or a commodity (`com_N`) with the name that PIHPS shows, unit kg."""

    kode: str
    nama: str
    induk: str | None = None


KATEGORI: tuple[Barang, ...] = (
    Barang("cat_1", "Beras"),
    Barang("cat_2", "Daging Ayam"),
    Barang("cat_3", "Daging Sapi"),
    Barang("cat_4", "Telur Ayam"),
    Barang("cat_5", "Bawang Merah"),
    Barang("cat_6", "Bawang Putih"),
    Barang("cat_7", "Cabai Merah"),
    Barang("cat_8", "Cabai Rawit"),
    Barang("cat_9", "Minyak Goreng"),
    Barang("cat_10", "Gula Pasir"),
)

KOMODITAS: tuple[Barang, ...] = (
    Barang("com_1", "Beras Kualitas Bawah I", "cat_1"),
    Barang("com_2", "Beras Kualitas Bawah II", "cat_1"),
    Barang("com_3", "Beras Kualitas Medium I", "cat_1"),
    Barang("com_4", "Beras Kualitas Medium II", "cat_1"),
    Barang("com_5", "Beras Kualitas Super I", "cat_1"),
    Barang("com_6", "Beras Kualitas Super II", "cat_1"),
    Barang("com_7", "Daging Ayam Ras Segar", "cat_2"),
    Barang("com_8", "Daging Sapi Kualitas 1", "cat_3"),
    Barang("com_9", "Daging Sapi Kualitas 2", "cat_3"),
    Barang("com_10", "Telur Ayam Ras Segar", "cat_4"),
    Barang("com_11", "Bawang Merah Ukuran Sedang", "cat_5"),
    Barang("com_12", "Bawang Putih Ukuran Sedang", "cat_6"),
    Barang("com_13", "Cabai Merah Besar", "cat_7"),
    Barang("com_14", "Cabai Merah Keriting", "cat_7"),
    Barang("com_15", "Cabai Rawit Hijau", "cat_8"),
    Barang("com_16", "Cabai Rawit Merah", "cat_8"),
    Barang("com_17", "Minyak Goreng Curah", "cat_9"),
    Barang("com_18", "Minyak Goreng Kemasan Bermerk 1", "cat_9"),
    Barang("com_19", "Minyak Goreng Kemasan Bermerk 2", "cat_9"),
    Barang("com_20", "Gula Pasir Kualitas Premium", "cat_10"),
    Barang("com_21", "Gula Pasir Lokal", "cat_10"),
)

KODE_MENURUT_NAMA: dict[tuple[str, str], str] = {
    **{("kategori", barang.nama): barang.kode for barang in KATEGORI},
    **{("komoditas", barang.nama): barang.kode for barang in KOMODITAS},
}
"""(`kategori` or `komoditas`, trimmed name) → id. `GetGridDataDaerah` gives names only."""
