/* ---
description: >-
  Rapor setiap dataset: apakah partisi terbaru yang dijanjikan sudah ada, bagian partisi yang terisi, bagian baris yang sah,
  dan bagian partisi yang masuk tepat waktu.
grain: Satu baris per dataset
judul: Rapor dataset
halaman: kualitas
urutan: 20
per: per_tanggal
tampil: [judul, nama, diharapkan, terbaru, terlambat, lengkap, tepat, sah, dikarantina, bermasalah]
susun: ["-terlambat", nama, judul]
columns:
  per_tanggal: {description: Hari (WIB) janji dan isi terakhir dibandingkan., classification: internal}
  instansi: {description: Kode instansi., classification: internal}
  nama: {description: Nama instansi., classification: internal}
  opd: {description: OPD yang bertugas., classification: internal}
  dataset: {description: Dataset., classification: internal}
  judul: {description: Nama dataset., classification: internal}
  diharapkan: {description: Partisi terbaru yang dijanjikan; kosong bila hanya ada satu partisi., classification: internal}
  terbaru: {description: Partisi terbaru yang ada; kosong bila belum ada., classification: internal}
  terlambat: {description: Benar bila yang dijanjikan belum ada., classification: internal}
  dijanjikan: {description: Partisi yang dijanjikan dalam jendela kualitas_partisi., satuan: partisi, classification: internal}
  terisi: {description: Partisi di antaranya yang ada., satuan: partisi, classification: internal}
  lengkap: {description: Bagian partisi yang ada., satuan: persen, classification: internal}
  terukur: {description: Partisi yang ketepatannya terukur., satuan: partisi, classification: internal}
  tepat: {description: Bagian partisi terukur yang masuk sampai jatuh tempo; kosong bila belum ada yang terukur., satuan: persen, classification: internal}
  diterima: {description: Baris pada versi yang berlaku., satuan: baris, classification: internal}
  dikarantina: {description: Baris yang dikarantina saat versi itu dibuat., satuan: baris, classification: internal}
  sah: {description: Baris yang diterima di antara keduanya; kosong bila belum ada baris., satuan: persen, classification: internal}
  bermasalah: {description: Partisi yang upaya terakhirnya gagal atau ditolak., satuan: partisi, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  partisi: {description: Partisi terbaru yang ada., classification: internal}
--- */
WITH kini AS (
    SELECT * FROM ops.harapan
    QUALIFY row_number() OVER (PARTITION BY dataset ORDER BY partisi DESC, waktu DESC) = 1
)
SELECT
    p.per_tanggal,
    p.instansi,
    p.nama,
    p.opd,
    p.dataset,
    p.judul,
    k.diharapkan,
    k.terbaru,
    NOT k.tepat AS terlambat,
    CAST(count(*) AS INTEGER) AS dijanjikan,
    CAST(count(*) FILTER (WHERE p.ada) AS INTEGER) AS terisi,
    CAST(100.0 * count(*) FILTER (WHERE p.ada) / count(*) AS DECIMAL(5, 2)) AS lengkap,
    CAST(count(p.tepat) AS INTEGER) AS terukur,
    CAST(100.0 * count(*) FILTER (WHERE p.tepat) / nullif(count(p.tepat), 0) AS DECIMAL(5, 2)) AS tepat,
    CAST(sum(p.diterima) AS BIGINT) AS diterima,
    CAST(sum(p.dikarantina) AS BIGINT) AS dikarantina,
    CAST(100.0 * sum(p.diterima) / nullif(sum(p.diterima) + sum(p.dikarantina), 0) AS DECIMAL(5, 2)) AS sah,
    CAST(count(*) FILTER (WHERE p.bermasalah) AS INTEGER) AS bermasalah,
    max(p.asal_data) AS asal_data,
    k.terbaru AS partisi
FROM dashboard.kualitas_partisi AS p
INNER JOIN kini AS k ON k.dataset = p.dataset
GROUP BY p.per_tanggal, p.instansi, p.nama, p.opd, p.dataset, p.judul, k.diharapkan, k.terbaru, k.tepat
