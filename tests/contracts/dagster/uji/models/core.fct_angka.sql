/* ---
description: Angka harian.
grain: Satu baris per tanggal dan kode
partition: tanggal
columns:
  tanggal: {description: Tanggal., classification: public}
  nilai_dua_kali: {description: Nilai kali dua., classification: internal}
  asal_data: {description: "Asal data: resmi, tiruan atau ulangan.", classification: public}
--- */
SELECT tanggal, kode, 2 * nilai AS nilai_dua_kali, _asal AS asal_data
FROM source.uji__angka
