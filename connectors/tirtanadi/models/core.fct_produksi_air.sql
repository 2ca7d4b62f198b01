/* ---
description: Produksi air harian per instalasi pengolahan air (IPA), dengan mutu air hasil.
grain: Satu baris per tanggal dan instalasi
partition: tanggal
columns:
  tanggal: {description: Tanggal produksi (WIB)., classification: public}
  kode_ipa: {description: "Kode instalasi; kosong bila namanya tidak ada dalam daftar.", classification: public}
  nama_ipa: {description: Nama instalasi., classification: public}
  produksi_m3: {description: Air yang diproduksi., satuan: m3, classification: public}
  air_baku_m3: {description: Air baku yang diambil., satuan: m3, classification: public}
  debit_l_per_detik: {description: Produksi rata-rata selama jam operasi., satuan: l/detik, classification: public}
  jam_operasi: {description: Jam operasi dalam sehari., satuan: jam, classification: public}
  kekeruhan_ntu: {description: Kekeruhan air hasil; kosong bila tidak diukur., satuan: NTU, classification: public}
  ph: {description: Derajat keasaman air hasil., classification: public}
  sisa_klor_mg_l: {description: Sisa klor air hasil., satuan: mg/l, classification: public}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
SELECT
    p.tanggal,
    i.kode_ipa,
    coalesce(i.nama_ipa, p.ipa) AS nama_ipa,
    p.produksi_m3,
    p.air_baku_m3,
    CASE
        WHEN p.jam_operasi > 0 THEN round(CAST(p.produksi_m3 AS DOUBLE) * 1000 / (CAST(p.jam_operasi AS DOUBLE) * 3600), 1)
    END AS debit_l_per_detik,
    p.jam_operasi,
    p.kekeruhan_ntu,
    p.ph,
    p.sisa_klor_mg_l,
    p._asal AS asal_data
FROM source.tirtanadi__produksi_air AS p
LEFT JOIN source.tirtanadi__ipa AS i ON p.ipa IN (i.nama_ipa, i.nama_lain)
