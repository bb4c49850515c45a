"""What a photograph shows of its noise, blur, compression, haze and damage."""
