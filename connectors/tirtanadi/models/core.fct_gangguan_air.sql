/* ---
description: >-
  Gangguan layanan air dengan cabang, kecamatan yang terdampak dan lamanya. Gangguan yang belum selesai tidak mempunyai
  waktu selesai dan lama.
grain: Satu baris per gangguan
partition: tanggal
columns:
  tanggal: {description: Tanggal mulai (WIB)., classification: public}
  nomor: {description: Nomor gangguan., classification: public}
  mulai: {description: Waktu mulai., classification: public}
  selesai: {description: Waktu selesai; kosong bila belum selesai., classification: public}
  lama_jam: {description: Lama gangguan., satuan: jam, classification: public}
  kode_cabang: {description: "Kode cabang; kosong bila namanya tidak ada dalam daftar.", classification: public}
  nama_cabang: {description: Nama cabang sekarang., classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota cabang., classification: public}
  kode_kemendagri: {description: Kode Kemendagri kabupaten/kota cabang; selalu teks., classification: public}
  daftar_kecamatan: {description: Kecamatan yang terdampak., classification: public}
  jumlah_kecamatan: {description: Banyak kecamatan yang terdampak., satuan: kecamatan, classification: public}
  jenis: {description: Jenis gangguan., classification: public}
  status: {description: Status penanganan., classification: public}
  pelanggan_terdampak: {description: Perkiraan pelanggan yang terdampak., satuan: pelanggan, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
WITH terdampak AS (
    SELECT
        tanggal,
        nomor,
        list_filter(
            list_transform(string_split(coalesce(wilayah_terdampak, ''), ','), lambda nama : trim(nama)),
            lambda nama : nama <> ''
        ) AS daftar_kecamatan
    FROM source.tirtanadi__gangguan_air
)
SELECT
    g.tanggal,
    g.nomor,
    g.mulai,
    g.selesai,
    round(date_diff('minute', g.mulai, g.selesai) / 60.0, 2) AS lama_jam,
    c.kode_cabang,
    coalesce(c.nama_cabang, g.cabang) AS nama_cabang,
    c.kode_bps,
    c.kode_kemendagri,
    t.daftar_kecamatan,
    CAST(len(t.daftar_kecamatan) AS INTEGER) AS jumlah_kecamatan,
    g.jenis,
    g.status,
    g.pelanggan_terdampak,
    g._asal AS asal_data
FROM source.tirtanadi__gangguan_air AS g
INNER JOIN terdampak AS t ON t.tanggal = g.tanggal AND t.nomor = g.nomor
LEFT JOIN core.dim_cabang AS c ON g.cabang IN (c.nama_cabang, c.nama_lama)
