/* ---
description: >-
  Pelanggan, air terjual dan rekening air per bulan, cabang dan kelompok tarif. Kehilangan air adalah angka cabang yang
  diulang pada setiap kelompok: jangan dijumlahkan atau dirata-ratakan menurut kelompok.
grain: Satu baris per bulan, cabang dan kelompok tarif
partition: bulan
columns:
  bulan: {description: Tanggal pertama bulan laporan., classification: public}
  kode_cabang: {description: "Kode cabang; kosong bila namanya tidak ada dalam daftar.", classification: public}
  nama_cabang: {description: Nama cabang sekarang., classification: public}
  kode_bps: {description: Kode BPS kabupaten/kota cabang., classification: public}
  kode_kemendagri: {description: Kode Kemendagri kabupaten/kota cabang; selalu teks., classification: public}
  kelompok_tarif: {description: "K1 sosial dan MBR, K2 rumah tangga, K3 niaga dan ekonomi.", classification: public}
  pelanggan: {description: Pelanggan pada akhir bulan., satuan: pelanggan, classification: public}
  sambungan_rumah: {description: Sambungan rumah di antaranya., satuan: sambungan, classification: public}
  air_terjual_m3: {description: Air yang tertagih., satuan: m3, classification: public}
  drd_rp: {description: Rekening yang ditagih., satuan: Rp, classification: public}
  penerimaan_rp: {description: Rekening yang dibayar., satuan: Rp, classification: public}
  efisiensi_penagihan: {description: Penerimaan dibagi rekening yang ditagih., satuan: bagian, classification: public}
  lembar_tunggakan: {description: Rekening yang belum dibayar., satuan: lembar, classification: public}
  tunggakan_rp: {description: Nilai rekening yang belum dibayar., satuan: Rp, classification: public}
  kehilangan_air_persen: {description: Kehilangan air (NRW) cabang; kosong bila cabang tidak menjual air., satuan: persen, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
SELECT
    p.bulan,
    c.kode_cabang,
    coalesce(c.nama_cabang, p.cabang) AS nama_cabang,
    c.kode_bps,
    c.kode_kemendagri,
    p.kelompok_tarif,
    p.pelanggan,
    p.sambungan_rumah,
    p.air_terjual_m3,
    p.drd_rp,
    p.penerimaan_rp,
    CASE WHEN p.drd_rp > 0 THEN round(CAST(p.penerimaan_rp AS DOUBLE) / CAST(p.drd_rp AS DOUBLE), 4) END
        AS efisiensi_penagihan,
    p.lembar_tunggakan,
    p.tunggakan_rp,
    p.kehilangan_air_persen,
    p._asal AS asal_data
FROM source.tirtanadi__pelanggan_air_bulanan AS p
LEFT JOIN core.dim_cabang AS c ON p.cabang IN (c.nama_cabang, c.nama_lama)
