/* ---
description: >-
  Peringatan dini: setiap peringatan sekali, dengan awal, akhir dan kalimat terakhirnya. Yang berlangsung belum selesai;
  yang reda tidak terlihat lagi dan menunggu masa tenangnya. Yang sudah selesai dimuat 400 hari.
grain: Satu baris per peringatan
judul: Peringatan dini
halaman: ikhtisar
urutan: 20
per: per_tanggal
tampil: [tingkat, judul, kalimat, opd, status, mulai, selesai]
susun: [urutan_tingkat, "-mulai"]
columns:
  nomor: {description: Nomor tetap peringatan., classification: internal}
  aturan: {description: Aturan yang menyalakannya., classification: internal}
  kunci: {description: Hal yang diperingatkan., classification: internal}
  status: {description: "berlangsung, reda atau selesai.", classification: internal}
  tingkat: {description: "info, waspada atau kritis.", classification: internal}
  urutan_tingkat: {description: Urutan tampil; 1 kritis., classification: internal}
  judul: {description: Judul aturan., classification: internal}
  kalimat: {description: Kalimat terakhir., classification: internal}
  opd: {description: OPD yang bertugas., classification: internal}
  sebab: {description: Sebab untuk menggabungkan peringatan., classification: internal}
  nilai: {description: Angka terakhir yang dibandingkan., classification: internal}
  ambang: {description: Ambangnya., classification: internal}
  mulai: {description: Waktu mulai., classification: internal}
  selesai: {description: Waktu selesai; kosong bila belum., classification: internal}
  per_tanggal: {description: Hari (WIB) penilaian yang terakhir mengubahnya., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: internal}
  dataset: {description: Dataset baris di baliknya., classification: internal}
  partisi: {description: Partisi dataset itu., classification: internal}
--- */
WITH urut AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY nomor ORDER BY urutan DESC) AS ke,
        min(waktu) OVER (PARTITION BY nomor) AS mulai
    FROM ops.peringatan
)
SELECT
    nomor,
    aturan,
    kunci,
    CASE peristiwa WHEN 'selesai' THEN 'selesai' WHEN 'reda' THEN 'reda' ELSE 'berlangsung' END AS status,
    tingkat,
    CAST(CASE tingkat WHEN 'kritis' THEN 1 WHEN 'waspada' THEN 2 ELSE 3 END AS INTEGER) AS urutan_tingkat,
    judul,
    kalimat,
    opd,
    sebab,
    nilai,
    ambang,
    mulai,
    CASE WHEN peristiwa = 'selesai' THEN waktu END AS selesai,
    CAST(partisi AS DATE) AS per_tanggal,
    asal_data,
    dataset,
    partisi_data AS partisi
FROM urut
WHERE
    ke = 1
    AND (
        peristiwa <> 'selesai'
        OR CAST(partisi AS DATE) > (SELECT max(CAST(partisi AS DATE)) FROM ops.peringatan) - 400
    )
