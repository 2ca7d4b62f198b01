/* ---
description: Rapor setiap instansi, dijumlahkan dari rapor datasetnya, dengan sebab karantina yang terbanyak.
grain: Satu baris per instansi
judul: Rapor instansi
halaman: kualitas
urutan: 10
per: per_tanggal
tampil: [nama, opd, jumlah_dataset, terlambat, lengkap, tepat, sah, dikarantina, sebab_utama, bermasalah]
susun: [nama]
columns:
  per_tanggal: {description: Hari (WIB) janji dan isi terakhir dibandingkan., classification: internal}
  instansi: {description: Kode instansi., classification: internal}
  nama: {description: Nama instansi., classification: internal}
  opd: {description: OPD yang bertugas., classification: internal}
  jumlah_dataset: {description: Dataset instansi., satuan: dataset, classification: internal}
  terlambat: {description: Dataset yang partisi terbarunya belum ada., satuan: dataset, classification: internal}
  lengkap: {description: Bagian partisi yang dijanjikan yang ada., satuan: persen, classification: internal}
  tepat: {description: Bagian partisi terukur yang masuk sampai jatuh tempo., satuan: persen, classification: internal}
  sah: {description: Bagian baris yang diterima., satuan: persen, classification: internal}
  diterima: {description: Baris yang diterima., satuan: baris, classification: internal}
  dikarantina: {description: Baris yang dikarantina., satuan: baris, classification: internal}
  sebab_utama: {description: Alasan karantina yang terbanyak., classification: internal}
  bermasalah: {description: Partisi yang upaya terakhirnya gagal atau ditolak., satuan: partisi, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
WITH sebab AS (
    SELECT instansi, arg_max(alasan, (jumlah, alasan)) AS sebab_utama
    FROM (SELECT instansi, alasan, sum(jumlah) AS jumlah FROM dashboard.kualitas_karantina GROUP BY ALL)
    GROUP BY instansi
)
SELECT
    max(d.per_tanggal) AS per_tanggal,
    d.instansi,
    d.nama,
    d.opd,
    CAST(count(*) AS INTEGER) AS jumlah_dataset,
    CAST(count(*) FILTER (WHERE d.terlambat) AS INTEGER) AS terlambat,
    CAST(100.0 * sum(d.terisi) / sum(d.dijanjikan) AS DECIMAL(5, 2)) AS lengkap,
    CAST(sum(d.tepat * d.terukur) / nullif(sum(d.terukur), 0) AS DECIMAL(5, 2)) AS tepat,
    CAST(100.0 * sum(d.diterima) / nullif(sum(d.diterima) + sum(d.dikarantina), 0) AS DECIMAL(5, 2)) AS sah,
    CAST(sum(d.diterima) AS BIGINT) AS diterima,
    CAST(sum(d.dikarantina) AS BIGINT) AS dikarantina,
    any_value(s.sebab_utama) AS sebab_utama,
    CAST(sum(d.bermasalah) AS INTEGER) AS bermasalah,
    max(d.asal_data) AS asal_data
FROM dashboard.kualitas_dataset AS d
LEFT JOIN sebab AS s ON s.instansi = d.instansi
GROUP BY d.instansi, d.nama, d.opd
