/* ---
description: Kelengkapan dan keabsahan data harian setiap instansi menurut tanggal data, 30 hari terakhir.
grain: Satu baris per instansi dan tanggal data
halaman: kualitas
urutan: 30
per: tanggal
tampil: [tanggal, nama, lengkap, sah, diterima, dikarantina]
susun: ["-tanggal", nama]
columns:
  tanggal: {description: Tanggal data., classification: internal}
  instansi: {description: Kode instansi., classification: internal}
  nama: {description: Nama instansi., classification: internal}
  lengkap: {description: Bagian partisi yang dijanjikan untuk tanggal itu yang ada., satuan: persen, classification: internal}
  sah: {description: Bagian baris yang diterima; kosong bila tidak ada baris., satuan: persen, classification: internal}
  diterima: {description: Baris yang diterima., satuan: baris, classification: internal}
  dikarantina: {description: Baris yang dikarantina., satuan: baris, classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
--- */
SELECT
    CAST(partisi AS DATE) AS tanggal,
    instansi,
    nama,
    CAST(100.0 * count(*) FILTER (WHERE ada) / count(*) AS DECIMAL(5, 2)) AS lengkap,
    CAST(100.0 * sum(diterima) / nullif(sum(diterima) + sum(dikarantina), 0) AS DECIMAL(5, 2)) AS sah,
    CAST(sum(diterima) AS BIGINT) AS diterima,
    CAST(sum(dikarantina) AS BIGINT) AS dikarantina,
    max(asal_data) AS asal_data
FROM dashboard.kualitas_partisi
WHERE butiran = 'harian'
GROUP BY partisi, instansi, nama
