/* ---
description: >-
  Kabupaten/kota dengan kolom wilayah yang dipakai semua data terbuka: kode BPS sebagai teks dan nama dengan huruf besar.
  Sambungkan fakta lewat kode_kabupaten_kota.
grain: Satu baris per kabupaten/kota
columns:
  kode_provinsi: {description: Kode BPS provinsi; teks., classification: public}
  nama_provinsi: {description: Nama provinsi dengan huruf besar tanpa kata Provinsi., classification: public}
  kode_kabupaten_kota: {description: Kode BPS kabupaten/kota; teks., classification: public}
  nama_kabupaten_kota: {description: Nama kabupaten/kota dengan jenisnya dan huruf besar., classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
SELECT
    provinsi.kode_bps AS kode_provinsi,
    upper(regexp_replace(provinsi.nama, '^Provinsi ', '')) AS nama_provinsi,
    kota.kode_bps AS kode_kabupaten_kota,
    upper(kota.nama) AS nama_kabupaten_kota,
    kota.asal_data
FROM core.dim_wilayah AS kota
INNER JOIN core.dim_wilayah AS provinsi ON provinsi.kode_bps = kota.kode_bps_provinsi
WHERE kota.jenis <> 'provinsi'
