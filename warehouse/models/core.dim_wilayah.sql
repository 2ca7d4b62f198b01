/* ---
description: >-
  Provinsi dan kabupaten/kota dengan kode BPS dan kode Kemendagri. Baris provinsi ikut dimuat; saring jenis sebelum
  menjumlahkan penduduk.
grain: Satu baris per provinsi atau kabupaten/kota
columns:
  kode_bps: {description: Kode wilayah BPS; kunci penyambung semua fakta., classification: public}
  kode_kemendagri: {description: "Kode wilayah Kemendagri dengan titik, misalnya 12.71; selalu teks.", classification: public}
  nama: {description: Nama baku dengan jenisnya., classification: public}
  jenis: {description: "provinsi, kabupaten atau kota.", classification: public}
  kode_bps_provinsi: {description: Kode BPS provinsi induk., classification: public}
  alias: {description: Daftar nama dan ejaan lain., classification: public}
  penduduk: {description: Jumlah penduduk menurut Kepmendagri., satuan: jiwa, classification: public}
  no_dapil: {description: "Dapil DPRD provinsi; kosong bila kabupaten/kota terbagi atas beberapa dapil.", classification: public}
  daftar_dapil: {description: Semua dapil yang memuat wilayah ini., classification: public}
  dasar_dapil: {description: sumber atau asumsi; asumsi bila salah satu pasangannya asumsi., classification: public}
  catatan_dapil: {description: Cara menentukan dapil bila no_dapil kosong., classification: public}
  petak_kolom: {description: "Kolom pada peta petak, dari 0 di kiri.", classification: public}
  petak_baris: {description: "Baris pada peta petak, dari 0 di atas.", classification: public}
  singkat: {description: Huruf pada petak., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH dapil AS (
    SELECT
        kode_bps,
        list(no_dapil ORDER BY no_dapil) AS daftar_dapil,
        CASE WHEN count(*) = 1 AND bool_and(cakupan = 'utuh') THEN min(no_dapil) END AS no_dapil,
        CASE WHEN bool_or(dasar = 'asumsi') THEN 'asumsi' ELSE 'sumber' END AS dasar_dapil
    FROM source.referensi__dapil
    GROUP BY kode_bps
)
SELECT
    w.kode_bps,
    w.kode_kemendagri,
    w.nama,
    w.jenis,
    left(w.kode_bps, 2) AS kode_bps_provinsi,
    list_transform(string_split(w.alias, ';'), lambda a : trim(a)) AS alias,
    w.penduduk,
    d.no_dapil,
    d.daftar_dapil,
    d.dasar_dapil,
    CASE
        WHEN w.jenis = 'provinsi' THEN 'Provinsi memuat semua dapil.'
        WHEN d.daftar_dapil IS NULL THEN 'Dapil belum diketahui.'
        WHEN d.no_dapil IS NULL
            THEN 'Terbagi atas dapil ' || array_to_string(d.daftar_dapil, ' dan ') || '; dapil ditentukan oleh kecamatan.'
    END AS catatan_dapil,
    CAST(w.petak_kolom AS INTEGER) AS petak_kolom,
    CAST(w.petak_baris AS INTEGER) AS petak_baris,
    w.singkat,
    w._asal AS asal_data
FROM source.referensi__wilayah AS w
LEFT JOIN dapil AS d ON d.kode_bps = w.kode_bps
